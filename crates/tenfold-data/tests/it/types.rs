//! What the types alone refuse. The crate's documentation shows the same as code that does not compile.

use tenfold_data::ownership::{Global, Tenant};
use tenfold_data::{Context, Reach, SystemContext, SystemTx, Tx, Write};

/// `<T as Lacks<_>>::check` is ambiguous, and does not compile, for a `T` that has the trait.
macro_rules! lacks {
    ($type:ty, $trait:ident<$owner:ty>) => {{
        trait Lacks<A> {
            fn check() {}
        }
        struct Has;
        impl<T> Lacks<()> for T {}
        impl<T: $trait<$owner>> Lacks<Has> for T {}
        <$type as Lacks<_>>::check();
    }};
}

fn reaches<O: tenfold_data::Ownership, R: Reach<O>>() {}
fn writes<O: tenfold_data::Ownership, W: Write<O>>() {}

#[test]
fn a_system_context_reaches_no_organizations_rows() {
    reaches::<Global, SystemContext>();
    reaches::<Tenant, Context>();
    reaches::<Global, Context>();
    lacks!(SystemContext, Reach<Tenant>);
    lacks!(SystemTx<'static>, Reach<Tenant>);
}

#[test]
fn only_a_transaction_writes_and_an_organizations_rows_only_one_that_names_it() {
    writes::<Tenant, Tx<'static>>();
    writes::<Global, SystemTx<'static>>();
    lacks!(Context, Write<Tenant>);
    lacks!(Context, Write<Global>);
    lacks!(SystemContext, Write<Global>);
    lacks!(SystemTx<'static>, Write<Tenant>);
}
