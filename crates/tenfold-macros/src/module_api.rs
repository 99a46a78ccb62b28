//! `#[module_api]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{
    Error, FnArg, GenericArgument, Ident, ItemTrait, LitInt, LitStr, Pat, PathArguments, Result, ReturnType,
    TraitItem, TraitItemFn, Type, parse::Parser as _,
};

/// One method of the interface.
struct InterfaceMethod {
    method: TraitItemFn,
    name: Ident,
    arguments: Vec<(Ident, Type)>,
    output: Type,
    /// The name of the method for one key, when calls are merged by key.
    one: Option<Ident>,
}

pub(crate) fn expand(arguments: TokenStream, mut item: ItemTrait) -> Result<TokenStream> {
    let (module, version) = read_arguments(arguments)?;
    let mut calls = Vec::new();
    for member in &mut item.items {
        let TraitItem::Fn(method) = member else {
            return Err(Error::new_spanned(member, "an interface has methods only"));
        };
        calls.push(read_call(method)?);
    }
    let (name, vis) = (&item.ident, &item.vis);
    let client = format_ident!("{name}Client");
    let trait_name = name.to_string();
    let doc = format!("What callers hold of [`{name}`]: each call is counted, timed and traced.");
    let methods = calls.iter().map(|call| call.client_method(&module));
    item.supertraits = syn::parse_quote!(Send + Sync + 'static);
    Ok(quote! {
        #[::tenfold::async_trait]
        #item

        #[doc = #doc]
        #[derive(Clone)]
        #vis struct #client(::std::sync::Arc<dyn #name>);

        impl #client {
            #(#methods)*
        }

        impl ::tenfold::axum::extract::FromRequestParts<::tenfold::http::ServerState> for #client {
            type Rejection = ::tenfold::http::Problem;
            async fn from_request_parts(
                _: &mut ::tenfold::axum::http::request::Parts,
                state: &::tenfold::http::ServerState,
            ) -> ::std::result::Result<Self, ::tenfold::http::Problem> {
                ::tenfold::call::client(state)
            }
        }

        impl ::tenfold::http::Input for #client {
            fn describe(endpoint: &mut ::tenfold::http::Endpoint) {
                endpoint.needs_service::<Self>();
            }
        }

        impl ::tenfold::call::Interface for dyn #name {
            const MODULE: &'static str = #module;
            const NAME: &'static str = #trait_name;
            const VERSION: u32 = #version;
            type Client = #client;
            fn client(implementation: ::std::sync::Arc<Self>) -> #client {
                #client(implementation)
            }
        }
    })
}

fn read_arguments(arguments: TokenStream) -> Result<(LitStr, LitInt)> {
    let (mut name, mut version) = (None, None);
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("name") {
            name = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("version") {
            version = Some(meta.value()?.parse()?);
        } else {
            return Err(meta.error("module_api takes `name = \"…\"` and `version = n`"));
        }
        Ok(())
    });
    parser.parse2(arguments)?;
    let missing =
        || Error::new(proc_macro2::Span::call_site(), "module_api takes `name = \"…\"` and `version = n`");
    Ok((name.ok_or_else(missing)?, version.ok_or_else(missing)?))
}

/// Reads a method and removes its `#[call(…)]`.
fn read_call(method: &mut TraitItemFn) -> Result<InterfaceMethod> {
    let (mut batch_by, mut one) = (None::<LitStr>, None::<LitStr>);
    for attribute in method.attrs.iter().filter(|attribute| attribute.path().is_ident("call")) {
        if matches!(attribute.meta, syn::Meta::Path(_)) {
            continue;
        }
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("batch_by") {
                batch_by = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("one") {
                one = Some(meta.value()?.parse()?);
            } else {
                return Err(meta.error("call takes `batch_by = \"argument\"` with `one = \"method\"`"));
            }
            Ok(())
        })?;
    }
    method.attrs.retain(|attribute| !attribute.path().is_ident("call"));
    let signature = &method.sig;
    if signature.asyncness.is_none() {
        return Err(Error::new_spanned(signature, "a call may have to travel, so it is an `async fn`"));
    }
    let mut arguments = Vec::new();
    for argument in signature.inputs.iter().skip(2) {
        match argument {
            FnArg::Typed(typed) => match &*typed.pat {
                Pat::Ident(pattern) => arguments.push((pattern.ident.clone(), (*typed.ty).clone())),
                other => return Err(Error::new_spanned(other, "an argument has a plain name")),
            },
            FnArg::Receiver(receiver) => return Err(Error::new_spanned(receiver, "expected &self first")),
        }
    }
    let ReturnType::Type(_, output) = &signature.output else {
        return Err(Error::new_spanned(signature, "a call gives Result<_, CallError>: every call can fail"));
    };
    let one = match (&batch_by, one) {
        (None, None) => None,
        (Some(batch_by), Some(one)) if arguments.len() == 1 && arguments[0].0 == batch_by.value() => {
            Some(Ident::new(&one.value(), one.span()))
        }
        _ => {
            let why = "a batched call takes one list of keys: `batch_by = \"ids\", one = \"user_card\"`";
            return Err(Error::new_spanned(signature, why));
        }
    };
    Ok(InterfaceMethod {
        name: signature.ident.clone(),
        arguments,
        output: (**output).clone(),
        one,
        method: method.clone(),
    })
}

impl InterfaceMethod {
    fn client_method(&self, module: &LitStr) -> TokenStream {
        let (name, output) = (&self.name, &self.output);
        let method = name.to_string();
        let idents: Vec<_> = self.arguments.iter().map(|(ident, _)| ident).collect();
        let types: Vec<_> = self.arguments.iter().map(|(_, ty)| ty).collect();
        let docs = self.method.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
        // A batched method takes one list.
        let keys = if self.one.is_some() { quote!(#(#idents.len())*) } else { quote!(1) };
        let whole = quote! {
            #(#docs)*
            #[track_caller]
            pub fn #name(
                &self,
                cx: &::tenfold::Context,
                #(#idents: #types),*
            ) -> impl ::std::future::Future<Output = #output> + Send + use<> {
                #[allow(unused_imports)]
                use ::tenfold::call::asks::{AddHash as _, AddNothing as _, Argument, Asks};
                #[allow(unused_mut)]
                let mut __asks = Asks::default();
                #((&Argument(&#idents)).add_to(&mut __asks);)*
                let __calling = ::tenfold::call::Calling {
                    module: #module,
                    method: #method,
                    keys: #keys,
                    asks: __asks.number(),
                };
                let implementation = ::std::sync::Arc::clone(&self.0);
                ::tenfold::call::run(cx, __calling, async move |cx: ::tenfold::Context| {
                    implementation.#name(&cx, #(#idents),*).await
                })
            }
        };
        let Some(one) = &self.one else { return whole };
        let key = element(types[0]);
        let value = element(element(element(output).unwrap_or(output)).unwrap_or(output));
        let (Some(key), Some(value)) = (key, value) else {
            let why =
                "a batched call gives Result<Vec<Option<Value>>, CallError>, each value in its key's place";
            return Error::new_spanned(output, why).into_compile_error();
        };
        let doc = format!("As [`Self::{method}`] for one key; calls within one request are merged into one.");
        quote! {
            #whole

            #[doc = #doc]
            #[track_caller]
            pub fn #one(
                &self,
                cx: &::tenfold::Context,
                key: impl ::tenfold::data::PeerKey<#key>,
            ) -> impl ::std::future::Future<Output = ::std::result::Result<
                ::std::option::Option<#value>, ::tenfold::call::CallError>> + Send {
                let implementation = ::std::sync::Arc::clone(&self.0);
                let identity = ::std::sync::Arc::as_ptr(&self.0).addr();
                ::tenfold::call::batched(cx, #module, #method, identity, &key, move |cx: ::tenfold::Context, keys| {
                    ::std::boxed::Box::pin(async move { implementation.#name(&cx, keys).await })
                })
            }
        }
    }
}

/// `T` of `Vec<T>`, `Option<T>` or `Result<T, _>`.
fn element(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    })
}
