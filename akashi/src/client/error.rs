//! Why a call at a door got no answer, and what to do about it.
use std::error::Error;
use std::fmt;

/// What a PEM text is for. Messages name this and never what the text holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRole {
    /// The CA certificates that the server's certificate is verified against.
    CaBundle,
    /// The client certificate.
    Certificate,
    /// The client certificate's private key.
    Key,
}

impl fmt::Display for FileRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CaBundle => "the CA bundle",
            Self::Certificate => "the client certificate",
            Self::Key => "the client's private key",
        })
    }
}

/// Why a call got no answer. A refusal is an answer and none of these.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is not that of doors.
    #[error("the API's address is not https://HOST:PORT; give the doors' address, with nothing after the port")]
    ApiUrl,
    /// A PEM text that is not what it should be.
    #[error("{role} cannot be used: {reason}")]
    Pem {
        /// Which of the three.
        role: FileRole,
        /// What is wrong, in fixed words.
        reason: &'static str,
    },
    /// Certificate and key do not go together, or are of an algorithm that TLS 1.3 does not sign with.
    #[error(
        "the client certificate and its private key cannot be used for TLS: give a party's client certificate, not a person's, and the key that it was made for"
    )]
    Identity,
    /// A path or idempotency key that cannot stand in an HTTP request.
    #[error("{0} has a character that cannot stand in an HTTP request; use visible ASCII characters")]
    NotSendable(&'static str),
    /// Nobody listens there, or no way leads there.
    #[error("no connection to {authority}: {source}. Check the address, and that akashi serve runs")]
    Unreachable {
        /// Host and port.
        authority: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The server's certificate is not one that the bundle vouches for.
    #[error("the server's certificate is not trusted: {0}. Give the party CA of this very server as the CA bundle")]
    ServerNotTrusted(String),
    /// The server ended TLS with an alert.
    #[error(
        "the server refused the connection ({0}). Use a client certificate of its party CA that is not out of date"
    )]
    CertificateRefused(String),
    /// TLS failed otherwise.
    #[error("TLS failed: {0}. Check that the address is that of the doors; they speak TLS 1.3 alone")]
    Tls(String),
    /// No answer in time.
    #[error(
        "no answer within {seconds} s. Whether the request was carried out is unknown: send it again with the same idempotency key"
    )]
    TimedOut {
        /// How long was waited.
        seconds: u64,
    },
    /// The connection ended on the way.
    #[error(
        "the connection ended before the whole answer came: {0}. Send the request again with the same idempotency key; \
         if it happens at once each time, the server may not take the client certificate"
    )]
    Interrupted(String),
    /// More octets than any call answers.
    #[error("the answer is over {0} octets, which no call's is. Check the address")]
    AnswerTooLong(usize),
    /// Not JSON.
    #[error("the answer (status {0}) is not JSON. Check the address")]
    AnswerNotJson(u16),
}

impl ClientError {
    /// The connection is gone, so another may do better.
    pub(super) const fn is_of_the_connection(&self) -> bool {
        match self {
            Self::Interrupted(_) => true,
            Self::ApiUrl
            | Self::Pem { .. }
            | Self::Identity
            | Self::NotSendable(_)
            | Self::Unreachable { .. }
            | Self::ServerNotTrusted(_)
            | Self::CertificateRefused(_)
            | Self::Tls(_)
            | Self::TimedOut { .. }
            | Self::AnswerTooLong(_)
            | Self::AnswerNotJson(_) => false,
        }
    }

    /// What ended a connection. The alert about a client certificate comes after the handshake (RFC 8446 §4.4.2.4), so
    /// it may stand behind any error.
    pub(super) fn of_connection(error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            if let Some(tls) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return Self::of_tls(tls);
            }
            next = error.source();
        }
        Self::Interrupted(error.to_string())
    }

    fn of_tls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(reason) => Self::ServerNotTrusted(reason.to_string()),
            rustls::Error::AlertReceived(alert) => Self::CertificateRefused(format!("TLS alert {alert:?}")),
            other => Self::Tls(other.to_string()),
        }
    }
}
