//! Functions of up to eight parameters, and the tuples of arguments that fit them.
//!
//! One macro writes the same three implementations for each number of parameters. `M`, the marker, spells the
//! function's signature and the kinds of its parameters, and for a call the kind of its result too; the compiler infers it
//! from the function, and the arguments are then checked against it.
//!
//! A function that borrows (`fn(&[f64]) -> f64`) is bound twice: once for the lifetime the compiler infers, which tells
//! it the parameter types, and once for every lifetime, which is what the worker needs.

use mpexec_wire::{DecodeError, EncodeError, Sink};

use super::params::{Arg, Input, Param};

#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a task",
    label = "cannot run in another process",
    note = "a task is a function or a closure that captures nothing, with up to eight parameters; each is owned (serde), a `&str`, or a `&[T]` of plain data"
)]
/// A function or closure that captures nothing, with parameters a task can carry. `M` is inferred.
pub trait TaskFn<M>: Copy + Send + 'static {
    /// What it returns.
    type Output: 'static;

    /// Reads the arguments and calls the function.
    ///
    /// # Errors
    /// When the arguments cannot be read; the function is then not called.
    fn call(self, input: &mut Input<'_>) -> Result<Self::Output, DecodeError>;

    /// The structures of its parameters.
    #[doc(hidden)]
    fn structures() -> Vec<String>;
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` are not the arguments of this task",
    label = "not a tuple of arguments that the task's parameters take",
    note = "give a tuple with one value for each parameter: `(row, 4, 8)`; for one parameter `(row,)`"
)]
/// A tuple of arguments for a function of signature `M`.
pub trait Args<M> {
    /// Writes them in order.
    ///
    /// # Errors
    /// When one of them cannot be encoded.
    fn encode_all<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError>;
}

#[diagnostic::on_unimplemented(
    message = "an item `{Self}` is not what this task takes",
    label = "not the argument of a task of one parameter",
    note = "`map` takes items for tasks of one parameter; for tasks of more use `starmap` with tuples",
    note = "for a parameter `&str` give `String`s or `Text(text)`; for a `&[u8]` vectors or `Plain(bytes)`"
)]
/// The only argument for a function of one parameter: what `map` takes where `starmap` takes tuples.
pub trait Item<M> {
    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be encoded.
    fn encode_one<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError>;
}

impl<A, P, K, R, O> Item<(fn(P) -> R, (K,), O)> for A
where
    A: Arg<P, K>,
    P: Param<K>,
{
    fn encode_one<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError> {
        self.encode(out)
    }
}

macro_rules! arity {
    ($($arg:ident $param:ident $kind:ident $value:ident),*) => {
        impl<Func, Ret, $($param, $kind),*> TaskFn<(fn($($param),*) -> Ret, ($($kind,)*))> for Func
        where
            Func: Fn($($param),*) -> Ret + for<'a> Fn($($param::In<'a>),*) -> Ret + Copy + Send + 'static,
            Ret: 'static,
            $($param: Param<$kind>,)*
        {
            type Output = Ret;

            #[inline]
            fn call(self, input: &mut Input<'_>) -> Result<Ret, DecodeError> {
                $(let $value = $param::decode(input)?;)*
                input.finish()?;
                Ok(self($($value),*))
            }

            fn structures() -> Vec<String> {
                vec![$($param::structure()),*]
            }
        }

        impl<Ret, Out, $($arg, $param, $kind),*> Args<(fn($($param),*) -> Ret, ($($kind,)*), Out)> for ($($arg,)*)
        where
            $($arg: Arg<$param, $kind>, $param: Param<$kind>,)*
        {
            #[inline]
            fn encode_all<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError> {
                let ($($value,)*) = self;
                $($value.encode(out)?;)*
                let _ = out;
                Ok(())
            }
        }
    };
}

arity!();
arity!(A0 P0 K0 v0);
arity!(A0 P0 K0 v0, A1 P1 K1 v1);
arity!(A0 P0 K0 v0, A1 P1 K1 v1, A2 P2 K2 v2);
arity!(A0 P0 K0 v0, A1 P1 K1 v1, A2 P2 K2 v2, A3 P3 K3 v3);
arity!(A0 P0 K0 v0, A1 P1 K1 v1, A2 P2 K2 v2, A3 P3 K3 v3, A4 P4 K4 v4);
arity!(A0 P0 K0 v0, A1 P1 K1 v1, A2 P2 K2 v2, A3 P3 K3 v3, A4 P4 K4 v4, A5 P5 K5 v5);
arity!(A0 P0 K0 v0, A1 P1 K1 v1, A2 P2 K2 v2, A3 P3 K3 v3, A4 P4 K4 v4, A5 P5 K5 v5, A6 P6 K6 v6);
arity!(A0 P0 K0 v0, A1 P1 K1 v1, A2 P2 K2 v2, A3 P3 K3 v3, A4 P4 K4 v4, A5 P5 K5 v5, A6 P6 K6 v6, A7 P7 K7 v7);
