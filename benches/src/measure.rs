//! What the benches that are not Criterion's share: they measure processor time in pairs with what they are held against.
pub mod machine;
pub mod pairs;
pub mod results;
