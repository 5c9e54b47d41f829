//! The rules of the CA as stories: a real registry in a folder of its own, a software token that fails when asked to, a
//! clock that stands where a story sets it. One module per thing that can happen.
mod applications;
mod batches;
mod compromise;
mod concurrency;
mod consent;
mod consent_withdrawals;
mod disclosures;
mod failures;
mod forgetting;
mod issue;
mod lives;
mod moves;
mod personal;
mod phones;
mod queue;
mod recovery;
mod refusals;
mod residents;
mod services;
mod support;
mod text;
mod validity;
mod visibility;
mod withdrawal;
