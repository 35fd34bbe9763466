//! Bodies that are the bytes of one media type.

use std::marker::PhantomData;
use std::ops::Deref;

use super::body::check_type;
use super::incoming::Incoming;
use super::media_type::schema_of_bytes;
use super::{Argument, BodyDescription, Call, Description, MediaType, Problem, SentExample, Upload};

/// Body of the media type `M`, of at most `LIMIT` bytes. It has arrived completely when the handler begins; the decision
/// was made before.
///
/// ```
/// # use cloakroom::{authz::{Allowed, action::Update}, domain::User};
/// # use cloakroom::http::{Json, MediaType, Problem, RawBody};
/// # struct Png;
/// # impl MediaType for Png {
/// #     const NAME: &'static str = "image/png";
/// #     fn example() -> Vec<u8> { b"\x89PNG\r\n\x1a\n".to_vec() }
/// # }
/// async fn portrait(_user: Allowed<User, Update>, body: RawBody<Png, 262_144>) -> Result<Json<usize>, Problem> {
///     let bytes = body.into_upload().bytes().await?;
///     Ok(Json(bytes.len()))
/// }
/// ```
pub struct RawBody<M, const LIMIT: usize>(Upload, PhantomData<M>);

impl<M, const LIMIT: usize> RawBody<M, LIMIT> {
    /// Returns the bytes.
    pub fn into_upload(self) -> Upload {
        self.0
    }
}

impl<M, const LIMIT: usize> Deref for RawBody<M, LIMIT> {
    type Target = Upload;

    fn deref(&self) -> &Upload {
        &self.0
    }
}

impl<M: MediaType, const LIMIT: usize> Argument for RawBody<M, LIMIT> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        check_type(call, M::NAME)?;
        let mut incoming = Incoming::of(call, LIMIT)?;
        let (mut upload, mut hash) = (Upload::new(), call.begin_upload_hash());
        while let Some(chunk) = incoming.next().await? {
            if let Some(hash) = &mut hash {
                hash.add(&chunk);
            }
            upload.push(&chunk).await?;
        }
        call.keep_upload_hash(hash);
        Ok(Self(upload, PhantomData))
    }

    fn describe(description: &mut Description) {
        let (name, bytes) = (M::NAME, M::example());
        if bytes.len() > LIMIT {
            description
                .faults
                .push(format!("the example of {name} is longer than the limit of {LIMIT} bytes"));
        }
        description.takes_bytes(BodyDescription {
            sent: Some(SentExample { media_type: name, bytes }),
            ..BodyDescription::of(name, schema_of_bytes(Some(LIMIT)))
        });
    }
}
