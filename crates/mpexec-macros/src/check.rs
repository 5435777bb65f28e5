//! Which functions cannot be tasks, each refusal with its reason and what to do.
//!
//! What can be told from a function's head is told here, in the words of its author; the compiler would refuse the same
//! functions, but deep in what the macro wrote.

use syn::spanned::Spanned;
use syn::{Error, FnArg, GenericParam, ItemFn, Type};

/// Task functions have at most so many parameters; the library writes its implementations up to there.
const MOST_PARAMETERS: usize = 8;

/// What stands under the attribute is no function with a body.
pub(crate) fn no_function(error: &Error) -> Error {
    Error::new(error.span(), format!("#[task] belongs on a function with a body: {error}"))
}

/// Whether the function can be a task.
pub(crate) fn check(function: &ItemFn) -> Result<(), Error> {
    let head = &function.sig;
    let refuse = |at: proc_macro2::Span, why: &str| Err(Error::new(at, why));
    if let Some(FnArg::Receiver(receiver)) = head.inputs.first() {
        return refuse(
            receiver.span(),
            "a method cannot be a task: `self` stays in its own process. Make it a function that takes what it needs",
        );
    }
    if let Some(parameter) = head.generics.params.iter().find(|it| !matches!(it, GenericParam::Lifetime(_))) {
        return refuse(
            parameter.span(),
            "a generic function cannot be a task: it is many functions, and a name can mean only one. \
             Write a function for the types you need, which calls this one",
        );
    }
    if let Some(asyncness) = &head.asyncness {
        return refuse(
            asyncness.span(),
            "an async function cannot be a task: a worker has no runtime. Block on the future inside a plain function",
        );
    }
    if !matches!(head.safety, syn::Safety::Default) {
        return refuse(
            head.safety.span(),
            "an unsafe function cannot be a task: nobody vouches for its arguments in the worker. Wrap it",
        );
    }
    if let Some(variadic) = &head.variadic {
        return refuse(variadic.span(), "a variadic function cannot be a task");
    }
    if let Some(parameter) = head.inputs.iter().nth(MOST_PARAMETERS) {
        return refuse(
            parameter.span(),
            "a task has at most eight parameters. Put some of them together in a struct, or into the pool's context",
        );
    }
    let opaque = head.inputs.iter().find_map(|parameter| match parameter {
        FnArg::Typed(typed) if matches!(&*typed.ty, Type::ImplTrait(_)) => Some(typed.ty.span()),
        _ => None,
    });
    match opaque {
        Some(span) => refuse(span, "`impl Trait` makes a function generic, which a task cannot be: name the type"),
        None => Ok(()),
    }
}
