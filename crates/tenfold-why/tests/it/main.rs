//! Faults injected into simulated traffic, and the pieces one by one.

mod clock;
mod comparison;
mod day;
mod faults;
mod past;
mod pieces;
mod plans;
mod queues;
mod refused;
mod restarts;
mod unfinished;
