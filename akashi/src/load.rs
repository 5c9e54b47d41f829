//! Load tests of the OCSP responder: an index as large as a nation's, without a log ([`synth`]), and a responder over it
//! with keys that live as long as the process ([`ocsp`]). Neither touches an authority.
pub mod ocsp;
pub mod synth;
