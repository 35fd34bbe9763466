//! Proof of possession of a key by the sender of a request (DPoP, RFC 9449).

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

use super::{Argument, Call, Code, Description, Problem};
use crate::token::{BoundToken, InvalidProof, Proof, ProofFor, Verified};

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// Returns the DPoP proof of a request, if there is one.
fn sent(request: &HttpRequest) -> Result<Option<&str>, InvalidProof> {
    let mut proofs = request.headers().get_all(DPOP);
    match (proofs.next(), proofs.next()) {
        (None, _) => Ok(None),
        (Some(proof), None) => proof.to_str().map(Some).map_err(|_| InvalidProof::Malformed),
        (Some(_), Some(_)) => Err(InvalidProof::Several),
    }
}

fn verify(call: &Call, proof: &str, access_token: Option<&str>) -> Result<Proof, InvalidProof> {
    let (request, services) = (call.request(), call.services());
    // The public URL; never one from `Host`.
    let url = format!("{}{}", services.issuer_url, request.path());
    let (method, now) = (request.method().as_str(), services.clock.now());
    Proof::verify(proof, &ProofFor { method, url: &url, access_token, now })
}

/// Checks the proof of a token that is bound to a key (RFC 9449 §7.1). A proof is valid once on this replica.
pub(crate) fn prove(call: &Call, bound: &BoundToken, token: &str) -> Result<Verified, InvalidProof> {
    let sent = sent(call.request())?.ok_or(InvalidProof::Missing)?;
    let proof = verify(call, sent, Some(token))?;
    let verified = bound.prove(&proof)?;
    let services = call.services();
    services.used_proofs.use_up(&proof, services.clock.now())?;
    Ok(verified)
}

/// The proof of a key at the token endpoint, to which the tokens are bound (RFC 9449 §5), or why it is refused. It
/// is valid once on all replicas together, and is used up in the transaction of the grant.
pub struct SentProof(pub Result<Option<Proof>, InvalidProof>);

impl Argument for SentProof {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let proof = match sent(call.request()) {
            Ok(None) => Ok(None),
            Ok(Some(sent)) => verify(call, sent, None).map(Some),
            Err(why) => Err(why),
        };
        Ok(Self(proof))
    }

    fn describe(description: &mut Description) {
        description.problems.push(Code::InvalidDpopProof);
    }
}
