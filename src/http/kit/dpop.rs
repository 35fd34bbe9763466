//! Proof of possession of a key by the sender of a request (DPoP, RFC 9449).

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

use super::{Argument, Call, Code, Description, Problem};
use crate::domain::Thumbprint;
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
    if services.used_proofs.use_up(&proof, services.clock.now()) {
        Ok(verified)
    } else {
        Err(InvalidProof::Replayed)
    }
}

/// The key that a client proved at the token endpoint, to which its tokens are bound (RFC 9449 §5), or why the
/// proof is refused. A proof is valid once on all replicas together.
pub struct ProvedKey(pub Result<Option<Thumbprint>, InvalidProof>);

impl Argument for ProvedKey {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let proof = match sent(call.request()) {
            Ok(None) => return Ok(Self(Ok(None))),
            Ok(Some(sent)) => verify(call, sent, None),
            Err(why) => Err(why),
        };
        let Ok(proof) = proof else { return Ok(Self(proof.map(|_| None))) };
        let is_new = call.services().trusted.use_jti(proof.id, proof.remembered_until).await?;
        Ok(Self(if is_new { Ok(Some(proof.key)) } else { Err(InvalidProof::Replayed) }))
    }

    fn describe(description: &mut Description) {
        description.problems.push(Code::InvalidDpopProof);
    }
}
