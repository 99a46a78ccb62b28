//! The controller before a simulated server with a virtual clock, and the gate's futures by hand.

mod classes;
mod fairness;
mod gate;
mod overload;
mod simulation;
