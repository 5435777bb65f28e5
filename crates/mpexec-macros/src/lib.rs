//! The attribute `#[task]`: a function keeps its code and gets a name that another program can call it by.
//!
//! Use it through `mpexec_core::task`; what it writes names `::mpexec_core`. A proc macro must stand in a crate of its own,
//! and this one holds nothing else: everything that can be ordinary code is ordinary code in `mpexec-core`. Here a
//! function's head is read (`check`, `head`), and one static that says what was read is put beside it.

mod check;
mod head;

use proc_macro::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse_macro_input;

/// Gives a function a name, by which a pool can call it in another program.
///
/// The function stays as it is. Its name is that of the function, or what `#[task(name = "...")]` says. The names of its
/// parameters and the first paragraph of its documentation are kept, for lists and for calls with JSON.
///
/// ```
/// use mpexec_core::{Pool, Workers, task};
///
/// /// How many numbers of a row lie within a range.
/// #[task]
/// fn howmany_within_range(row: Vec<i64>, minimum: i64, maximum: i64) -> usize {
///     row.into_iter().filter(|n| (minimum..=maximum).contains(n)).count()
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     mpexec_core::init();
///     let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
///     assert_eq!(pool.apply(howmany_within_range, (vec![8, 8, 3, 7, 7], 4, 8))?, 4);
///     Ok(())
/// }
/// ```
///
/// # What can be a task
/// A plain function with up to eight parameters, whose types serde can carry (or borrowed plain slices and text). Methods,
/// generic, `async`, `unsafe` and variadic functions are refused here; unsuitable types by the compiler.
///
/// ```compile_fail
/// struct Rows;
/// impl Rows {
///     #[mpexec_core::task] // a method cannot be a task: `self` stays in its own process
///     fn count(&self) -> usize { 0 }
/// }
/// ```
///
/// ```compile_fail
/// #[mpexec_core::task] // a generic function is many functions, and a name can mean only one
/// fn length<T>(all: Vec<T>) -> usize { all.len() }
/// ```
///
/// ```compile_fail
/// #[mpexec_core::task] // an async function needs a runtime, which a worker does not have
/// async fn nothing() {}
/// ```
///
/// ```compile_fail
/// #[mpexec_core::task] // at most eight parameters
/// fn many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8) -> u8 { a + b + c + d + e + f + g + h + i }
/// ```
///
/// # JSON
/// A task can also be called with JSON, which is converted in the worker; see `Pool::apply_json`. Borrowed parameters (`&[f64]`,
/// `&str`) are converted to what they borrow from. A `&[T]` of plain data that has no `Deserialize` cannot be converted; such a task
/// says so: `#[task(json = false)]`.
///
/// # Libraries of tasks
/// A linker leaves out a crate that nobody names. A program whose tasks all stand in a library it does not otherwise use
/// has to name it: `use my_tasks as _;`.
#[proc_macro_attribute]
pub fn task(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(arguments as head::Options);
    let kept = proc_macro2::TokenStream::from(item.clone());
    let function = match syn::parse::<syn::ItemFn>(item).map_err(|error| check::no_function(&error)) {
        Ok(function) => function,
        Err(error) => return with_error(&kept, &error),
    };
    match check::check(&function) {
        Ok(()) => {}
        Err(error) => return with_error(&kept, &error),
    }
    let make = if options.json() { quote!(with_json) } else { quote!(new) };
    let head::Head { name, doc, parameters, conditions } = head::read(&function, options);
    let kinds = head::kinds(&function);
    let ident = &function.sig.ident;
    // What the compiler has to say of the function's types it says at the function's name.
    let registration = quote_spanned! {ident.span()=>
        ::mpexec_core::__task::Registration::#make::<Parameters, _, (_, (#(#kinds,)*)), _, _>(#name, #doc, ::core::file!(), ::core::line!(), #ident)
    };
    quote! {
        #kept
        #(#conditions)*
        const _: () = {
            struct Parameters;
            impl ::mpexec_core::__task::ParameterNames for Parameters {
                const NAMES: &'static [&'static str] = &[#(#parameters),*];
            }
            ::mpexec_core::__collect_task!(
                ::mpexec_core::__task::Registration,
                ::mpexec_core::__task::collect,
                #registration
            );
        };
    }
    .into()
}

/// The item as it was, so that one mistake gives one error and not a dozen.
fn with_error(kept: &proc_macro2::TokenStream, error: &syn::Error) -> TokenStream {
    let error = error.to_compile_error();
    quote! { #kept #error }.into()
}
