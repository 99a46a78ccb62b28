//! `#[endpoint(…)]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Error, Expr, FnArg, Ident, ItemFn, LitInt, LitStr, Result, ReturnType, Token, Type, parenthesized,
};

/// The methods that an operation can have.
const METHODS: [&str; 6] = ["get", "put", "post", "delete", "patch", "head"];

/// The arguments of the attribute.
pub(crate) struct EndpointArguments {
    method: Ident,
    path: LitStr,
    tag: LitStr,
    answers: Vec<DeclaredAnswer>,
    problems: Vec<LitInt>,
    headers: Vec<(LitStr, LitStr)>,
    /// `Critical` or `BestEffort`.
    priority: Option<Ident>,
    example: Example,
}

/// `206: Vec<u8> as "image/png"`, or `304` alone.
struct DeclaredAnswer {
    status: LitInt,
    body: Option<(Type, LitStr)>,
}

/// `example(id = list_projects, query = "limit=2", body = {"name": "Website"})`.
#[derive(Default)]
struct Example {
    ids: Vec<(Ident, Ident)>,
    query: Option<LitStr>,
    body: Option<TokenStream>,
}

impl Parse for EndpointArguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let method: Ident = input.parse()?;
        if !METHODS.contains(&method.to_string().as_str()) {
            return Err(Error::new_spanned(&method, format!("the method is one of {}", METHODS.join(", "))));
        }
        input.parse::<Token![,]>()?;
        let path: LitStr = input.parse()?;
        let mut tag = None;
        let (mut answers, mut problems, mut headers) = (Vec::new(), Vec::new(), Vec::new());
        let (mut priority, mut example) = (None, Example::default());
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let word: Ident = input.parse()?;
            match word.to_string().as_str() {
                "tag" => {
                    input.parse::<Token![=]>()?;
                    tag = Some(input.parse()?);
                }
                "priority" => {
                    input.parse::<Token![=]>()?;
                    priority = Some(priority_variant(&input.parse()?)?);
                }
                "answers" => answers = listed(input, DeclaredAnswer::parse)?,
                "problems" => problems = listed(input, |input| input.parse())?,
                "headers" => headers = listed(input, header)?,
                "example" => example = Example::parse(input)?,
                _ => {
                    let why = "an endpoint takes a method, a path, tag, priority, answers, problems, headers and example";
                    return Err(Error::new_spanned(word, why));
                }
            }
        }
        let why = "an endpoint has a tag, under which the document lists it: tag = \"projects\"";
        let tag = tag.ok_or_else(|| Error::new_spanned(&path, why))?;
        Ok(EndpointArguments { method, path, tag, answers, problems, headers, priority, example })
    }
}

/// How much the requests of the endpoint matter, as a variant of `RequestClass`.
fn priority_variant(word: &Ident) -> Result<Ident> {
    match word.to_string().as_str() {
        "critical" => Ok(Ident::new("Critical", word.span())),
        "best_effort" => Ok(Ident::new("BestEffort", word.span())),
        _ => {
            Err(Error::new_spanned(word, "priority is critical or best_effort; leave it out for all others"))
        }
    }
}

/// The content of parentheses, separated by commas.
fn listed<T>(input: ParseStream<'_>, one: fn(ParseStream<'_>) -> Result<T>) -> Result<Vec<T>> {
    let content;
    parenthesized!(content in input);
    Ok(Punctuated::<T, Token![,]>::parse_terminated_with(&content, one)?.into_iter().collect())
}

fn header(input: ParseStream<'_>) -> Result<(LitStr, LitStr)> {
    let name = input.parse()?;
    input.parse::<Token![=]>()?;
    Ok((name, input.parse()?))
}

impl DeclaredAnswer {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let status = input.parse()?;
        let mut body = None;
        if input.peek(Token![:]) {
            input.parse::<Token![:]>()?;
            let ty = input.parse()?;
            input.parse::<Token![as]>()?;
            body = Some((ty, input.parse()?));
        }
        Ok(DeclaredAnswer { status, body })
    }
}

impl Example {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let content;
        parenthesized!(content in input);
        let mut example = Example::default();
        while !content.is_empty() {
            let name: Ident = content.parse()?;
            content.parse::<Token![=]>()?;
            match name.to_string().as_str() {
                "query" => example.query = Some(content.parse()?),
                "body" => {
                    let value: TokenStream = until_comma(&content)?;
                    example.body = Some(value);
                }
                _ => example.ids.push((name, content.parse()?)),
            }
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
        }
        Ok(example)
    }
}

/// A JSON value: one literal, or one bracketed group.
fn until_comma(input: ParseStream<'_>) -> Result<TokenStream> {
    let mut value = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        value.extend([input.parse::<proc_macro2::TokenTree>()?]);
    }
    Ok(value)
}

pub(crate) fn expand(arguments: &EndpointArguments, handler: &ItemFn) -> Result<TokenStream> {
    if handler.sig.asyncness.is_none() {
        return Err(Error::new_spanned(&handler.sig, "a handler is an `async fn`"));
    }
    check_parameters(arguments)?;
    let (name, visibility) = (&handler.sig.ident, &handler.vis);
    let described = format_ident!("__path_{name}");
    let description = describe(arguments, handler)?;
    let (path, method) = (&arguments.path, method_variant(&arguments.method));
    let doc = format!("What the OpenAPI document says of [`{name}`].");
    Ok(quote! {
        #handler

        #[doc = #doc]
        #[allow(non_camel_case_types, reason = "routes! looks it up by this name")]
        #visibility struct #described;

        impl #described {
            fn describe() -> ::tenfold::http::Endpoint { #description }
        }
        impl ::tenfold::utoipa::Path for #described {
            fn methods() -> ::std::vec::Vec<::tenfold::utoipa::openapi::path::HttpMethod> {
                ::std::vec![::tenfold::utoipa::openapi::path::HttpMethod::#method]
            }
            fn path() -> ::std::string::String {
                #path.to_owned()
            }
            fn operation() -> ::tenfold::utoipa::openapi::path::Operation {
                Self::describe().into_operation()
            }
        }
        impl<'t> ::tenfold::utoipa::__dev::Tags<'t> for #described {
            fn tags() -> ::std::vec::Vec<&'t str> {
                ::std::vec::Vec::new()
            }
        }
        impl ::tenfold::utoipa::__dev::SchemaReferences for #described {
            fn schemas(schemas: &mut ::std::vec::Vec<::tenfold::http::NamedSchema>) {
                schemas.extend(Self::describe().into_schemas());
            }
        }
    })
}

/// The calls that describe the operation: its arguments, then what each parameter takes, then what it answers.
fn describe(arguments: &EndpointArguments, handler: &ItemFn) -> Result<TokenStream> {
    let (name, path, tag) = (handler.sig.ident.to_string(), &arguments.path, &arguments.tag);
    let docs = documentation(handler);
    let inputs = handler.sig.inputs.iter().map(|argument| match argument {
        FnArg::Typed(typed) => Ok(&*typed.ty),
        FnArg::Receiver(receiver) => Err(Error::new_spanned(receiver, "a handler is a function of its own")),
    });
    let inputs: Vec<&Type> = inputs.collect::<Result<_>>()?;
    let output = match &handler.sig.output {
        ReturnType::Type(_, output) => quote!(.gives::<#output>()),
        ReturnType::Default => quote!(),
    };
    let headers = arguments.headers.iter().map(|(name, says)| quote!(.header(#name, #says)));
    let problems = arguments.problems.iter().map(|status| quote!(.problem(#status)));
    let answers = arguments.answers.iter().map(|DeclaredAnswer { status, body }| match body {
        Some((body, content_type)) => quote!(.answer::<#body>(#status, #content_type)),
        None => quote!(.empty_answer(#status)),
    });
    let priority =
        arguments.priority.iter().map(|class| quote!(.priority(::tenfold::http::RequestClass::#class)));
    let ids = arguments.example.ids.iter().map(|(parameter, operation)| {
        let (parameter, operation) = (parameter.to_string(), operation.to_string());
        quote!(.example_id(#parameter, #operation))
    });
    let query = arguments.example.query.iter().map(|query| quote!(.example_query(#query)));
    let body = arguments.example.body.iter().map(|body| quote!(.example_body(::tenfold::http::json!(#body))));
    Ok(quote! {
        ::tenfold::http::Endpoint::new(#name, #path, #tag, &[#(#docs),*])
            #(.takes::<#inputs>())*
            #output
            #(#answers)* #(#problems)* #(#headers)* #(#priority)* #(#ids)* #(#query)* #(#body)*
    })
}

/// Each parameter of the path must have an example that says where its value comes from, and each example a
/// parameter.
fn check_parameters(arguments: &EndpointArguments) -> Result<()> {
    let path = arguments.path.value();
    let wanted: Vec<&str> = path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
    for parameter in &wanted {
        if !arguments.example.ids.iter().any(|(name, _)| name == parameter) {
            let why = format!(
                "{{{parameter}}} has no example: name the operation that lists such ids, \
                 example({parameter} = list_projects)"
            );
            return Err(Error::new_spanned(&arguments.path, why));
        }
    }
    match arguments.example.ids.iter().find(|(name, _)| !wanted.contains(&name.to_string().as_str())) {
        Some((name, _)) => {
            let why = "an example has query, body, and the parameters of its path";
            Err(Error::new_spanned(name, why))
        }
        None => Ok(()),
    }
}

/// The lines of the handler's documentation.
fn documentation(handler: &ItemFn) -> Vec<Expr> {
    let docs = handler.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
    docs.filter_map(|attribute| attribute.meta.require_name_value().ok())
        .map(|doc| doc.value.clone())
        .collect()
}

fn method_variant(method: &Ident) -> Ident {
    let text = method.to_string();
    let (first, rest) = text.split_at(1);
    Ident::new(&format!("{}{rest}", first.to_uppercase()), method.span())
}
