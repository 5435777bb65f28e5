//! What a function's head says: its name, its parameters' names, the first paragraph of its documentation.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Expr, ExprLit, FnArg, Ident, ItemFn, Lit, LitBool, LitStr, Meta, Pat, Token, Type};

/// What stands in the brackets of `#[task(...)]`.
#[derive(Default)]
pub(crate) struct Options {
    name: Option<LitStr>,
    json: Option<LitBool>,
}

impl Options {
    /// Whether it gets a JSON door.
    pub(crate) fn json(&self) -> bool {
        self.json.as_ref().is_none_or(LitBool::value)
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Options, Error> {
        let mut options = Options::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            if key != "name" && key != "json" {
                let known = "#[task] knows two options: #[task(name = \"...\", json = false)]";
                return Err(Error::new(key.span(), known));
            }
            input.parse::<Token![=]>()?;
            let twice = if key == "json" {
                options.json.replace(input.parse()?).is_some()
            } else {
                options.name.replace(read_name(input)?).is_some()
            };
            if twice {
                return Err(Error::new(key.span(), format!("`{key}` is said twice")));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

fn read_name(input: ParseStream<'_>) -> Result<LitStr, Error> {
    let name: LitStr = input.parse()?;
    if name.value().trim().is_empty() || name.value().chars().any(char::is_control) {
        return Err(Error::new(name.span(), "a task's name is a text on one line that is not empty"));
    }
    Ok(name)
}

/// What is registered of a function beside its code.
pub(crate) struct Head {
    pub name: String,
    pub doc: String,
    pub parameters: Vec<String>,
    /// Its `#[cfg]`s: what is not compiled cannot be registered.
    pub conditions: Vec<Attribute>,
}

pub(crate) fn read(function: &ItemFn, options: Options) -> Head {
    let name = options.name.map_or_else(|| function.sig.ident.unraw().to_string(), |name| name.value());
    let parameters = (1..).zip(&function.sig.inputs).map(|(number, parameter)| parameter_name(number, parameter));
    let conditions = function.attrs.iter().filter(|it| it.path().is_ident("cfg")).cloned().collect();
    Head { name, doc: first_paragraph(&function.attrs), parameters: parameters.collect(), conditions }
}

/// A parameter that is taken apart at once (`(a, b): (u8, u8)`) has no name; it goes by its number.
fn parameter_name(number: usize, parameter: &FnArg) -> String {
    match parameter {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(pattern) => pattern.ident.unraw().to_string(),
            _ => format!("argument{number}"),
        },
        FnArg::Receiver(_) => "self".to_owned(),
    }
}

/// The kind of each parameter, as far as it must be told: `&str` and `&[u8]` are read in place, though serde could carry them in
/// a way as well, and the compiler does not choose.
pub(crate) fn kinds(function: &ItemFn) -> Vec<TokenStream> {
    let kind = |parameter: &FnArg| match parameter {
        FnArg::Typed(typed) => match &*typed.ty {
            Type::Reference(it) if matches!(&*it.elem, Type::Slice(_)) => quote!(::mpexec_core::Slice),
            Type::Reference(it) if is_str(&it.elem) => quote!(::mpexec_core::TextParam),
            _ => quote!(_),
        },
        FnArg::Receiver(_) => quote!(_),
    };
    function.sig.inputs.iter().map(kind).collect()
}

fn is_str(element: &Type) -> bool {
    matches!(element, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "str"))
}

fn first_paragraph(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    // A block comment is one attribute of many lines.
    let all = lines.collect::<Vec<_>>().join("\n");
    let paragraph = all.lines().map(str::trim).skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty());
    paragraph.collect::<Vec<_>>().join(" ")
}
