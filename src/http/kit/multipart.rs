//! Forms with files (`multipart/form-data`, RFC 7578). The parts are declared, and each has a limit of its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::rc::Rc;

use actix_multipart::{Field, Multipart as Parser, MultipartError};
use actix_web::error::PayloadError;
use actix_web::http::header::{DispositionParam, HeaderMap};
use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{AdditionalProperties, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use super::body::check_type;
use super::body_hash::BodyHash;
use super::incoming::Incoming;
use super::media_type::schema_of_bytes;
use super::upload::safe_file_name;
use super::{
    Argument, BodyDescription, Call, Code, Description, MediaType, Members, Problem, SentExample, Upload,
};
use crate::domain::Invalid;

const FORM_DATA: &str = "multipart/form-data";

/// Form of several parts: texts and files.
///
/// ```
/// use cloakroom::authz::{Allowed, action::Update};
/// use cloakroom::domain::{User, plain_text};
/// use cloakroom::http::{FormPart, FormParts, Json, MediaType, Multipart, Problem};
///
/// # struct Png;
/// # impl MediaType for Png {
/// #     const NAME: &'static str = "image/png";
/// #     fn example() -> Vec<u8> { b"\x89PNG\r\n\x1a\n".to_vec() }
/// # }
/// struct Portrait;
///
/// impl FormParts for Portrait {
///     const LIMIT: usize = 300_000;
///
///     fn parts() -> Vec<FormPart> {
///         vec![
///             FormPart::text("title", "The title", 200, "In a blue coat"),
///             FormPart::file::<Png>("picture", "The picture", 262_144),
///         ]
///     }
/// }
///
/// async fn hang(_user: Allowed<User, Update>, mut form: Multipart<Portrait>) -> Result<Json<usize>, Problem> {
///     let picture = form.file("picture")?;
///     let title = form.read(|members| members.required_text("title", |text| plain_text(text, 200, false)))?;
///     Ok(Json(picture.bytes().await?.len() + title.len()))
/// }
/// ```
pub trait FormParts: 'static {
    /// Most bytes of the whole body, with the heads of its parts.
    const LIMIT: usize;

    /// Returns the parts. A part that is not among them is refused.
    fn parts() -> Vec<FormPart>;
}

/// A part of a form, as it is declared.
pub struct FormPart {
    name: &'static str,
    meaning: &'static str,
    /// The media type of a file. None for a text.
    file: Option<&'static str>,
    /// Most bytes.
    limit: usize,
    example: Vec<u8>,
}

impl FormPart {
    /// Declares a text in UTF-8 of at most `limit` bytes, with a valid example.
    pub fn text(name: &'static str, meaning: &'static str, limit: usize, example: &str) -> Self {
        Self { name, meaning, file: None, limit, example: example.as_bytes().to_vec() }
    }

    /// Declares a file of this media type, of at most `limit` bytes.
    pub fn file<M: MediaType>(name: &'static str, meaning: &'static str, limit: usize) -> Self {
        Self { name, meaning, file: Some(M::NAME), limit, example: M::example() }
    }
}

/// Form of the parts `F`. It has arrived completely when the handler begins; the decision was made before.
pub struct Multipart<F> {
    texts: Members,
    files: BTreeMap<&'static str, Upload>,
    form: PhantomData<F>,
}

impl<F> Multipart<F> {
    /// Takes a file.
    ///
    /// # Errors
    /// 422 when the client sent none.
    pub fn file(&mut self, name: &str) -> Result<Upload, Problem> {
        let missing = || Problem::broken_rule(&format!("/{name}"), Invalid::new("required", "is required"));
        self.optional_file(name).ok_or_else(missing)
    }

    /// Takes a file that may be left out.
    pub fn optional_file(&mut self, name: &str) -> Option<Upload> {
        self.files.remove(name)
    }

    /// Reads the texts, as [`Body::read`](super::Body::read) reads members.
    ///
    /// # Errors
    /// 422 with every broken rule.
    pub fn read<V>(mut self, read: impl FnOnce(&mut Members) -> Option<V>) -> Result<V, Problem> {
        let value = read(&mut self.texts);
        match (value, self.texts.finish()) {
            (Some(value), errors) if errors.is_empty() => Ok(value),
            (_, errors) => Err(Problem::broken_rules(errors)),
        }
    }
}

impl<F: FormParts> Argument for Multipart<F> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        check_type(call, FORM_DATA)?;
        let incoming = Incoming::of(call, F::LIMIT)?;
        let mut hash = call.begin_upload_hash();
        let read = Parts::of(call.request().headers(), incoming).read(&F::parts(), &mut hash).await?;
        call.keep_upload_hash(hash);
        let (texts, files) = read;
        let mut texts = Members::of(texts, "");
        call.refuse_read_only(&mut texts)?;
        Ok(Self { texts, files, form: PhantomData })
    }

    fn describe(description: &mut Description) {
        let parts = F::parts();
        let example = example_of(&parts);
        if example.len() > F::LIMIT {
            description.faults.push(format!("its form is longer than its limit of {} bytes", F::LIMIT));
        }
        let encoding =
            parts.iter().filter_map(|part| Some((part.name, json!({ "contentType": part.file? }))));
        description.takes_bytes(BodyDescription {
            sent: Some(SentExample { media_type: EXAMPLE_TYPE, bytes: example }),
            encoding: encoding.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into(),
            ..BodyDescription::of(FORM_DATA, schema_of(&parts))
        });
        description.problems.push(Code::InvalidBody);
    }
}

fn schema_of(parts: &[FormPart]) -> RefOr<Schema> {
    let form =
        ObjectBuilder::new().additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    let form = parts.iter().fold(form, |form, part| {
        let mut schema = match part.file {
            Some(_) => schema_of_bytes(Some(part.limit)),
            None => ObjectBuilder::new().schema_type(Type::String).max_length(Some(part.limit)).into(),
        };
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.description = Some(part.meaning.to_owned());
        }
        form.property(part.name, schema)
    });
    form.into()
}

const EXAMPLE_TYPE: &str = "multipart/form-data; boundary=example-7d1f";

/// Returns the examples of all parts as a body.
fn example_of(parts: &[FormPart]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        let file =
            part.file.map(|media_type| format!("; filename=\"example\"\r\nContent-Type: {media_type}"));
        let head = format!(
            "--example-7d1f\r\nContent-Disposition: form-data; name=\"{}\"{}\r\n\r\n",
            part.name,
            file.unwrap_or_default()
        );
        body.extend(head.bytes().chain(part.example.iter().copied()).chain(*b"\r\n"));
    }
    body.extend(b"--example-7d1f--\r\n");
    body
}

/// Parts of a body that arrives.
struct Parts {
    parser: Parser,
    /// The problem that ended the body early, if it is no mistake in the form.
    ended: Rc<RefCell<Option<Problem>>>,
}

type Read = (Map<String, Value>, BTreeMap<&'static str, Upload>);

impl Parts {
    fn of(headers: &HeaderMap, incoming: Incoming) -> Self {
        let ended = Rc::default();
        Self { parser: Parser::new(headers, chunks(incoming, Rc::clone(&ended)).fuse()), ended }
    }

    /// Reads the texts and the files.
    async fn read(mut self, declared: &[FormPart], hash: &mut Option<BodyHash>) -> Result<Read, Problem> {
        let (mut texts, mut files) = (Map::new(), BTreeMap::new());
        while let Some(field) = self.parser.next().await {
            let mut field = field.map_err(|error| self.problem(&error))?;
            let name = field.name().unwrap_or_default().to_owned();
            let part = declared.iter().find(|part| part.name == name);
            let unknown = || broken(&name, Invalid::new("unknown", "is not a known part"));
            let part = part.ok_or_else(unknown)?;
            if texts.contains_key(&name) || files.contains_key(name.as_str()) {
                return Err(malformed(format!("the part {name:?} is repeated")));
            }
            part.check_type(&field)?;
            let content = self.content(&mut field, part, hash).await?;
            match part.file {
                Some(_) => drop(files.insert(part.name, content)),
                None => {
                    let text = String::from_utf8(content.bytes().await?);
                    let text = text.map_err(|_| malformed(format!("the part {name:?} is not UTF-8")))?;
                    texts.insert(name, text.into());
                }
            }
        }
        Ok((texts, files))
    }

    async fn content(
        &self,
        field: &mut Field,
        part: &FormPart,
        hash: &mut Option<BodyHash>,
    ) -> Result<Upload, Problem> {
        let mut content = Upload::new();
        let name = field.content_disposition().and_then(|disposition| {
            disposition.parameters.iter().find_map(|parameter| match parameter {
                DispositionParam::Filename(name) => Some(name.clone()),
                DispositionParam::FilenameExt(name) => String::from_utf8(name.value.clone()).ok(),
                _ => None,
            })
        });
        content.file_name = name.as_deref().and_then(safe_file_name);
        if let Some(hash) = hash {
            hash.add_part(part.name.as_bytes());
            hash.add_part(content.file_name.as_deref().unwrap_or_default().as_bytes());
        }
        while let Some(chunk) = field.next().await {
            let chunk = chunk.map_err(|error| self.problem(&error))?;
            if content.len() + chunk.len() > part.limit {
                let detail = format!("the part {:?} can have at most {} bytes", part.name, part.limit);
                return Err(Problem::new(Code::BodyTooLarge).with_detail(detail));
            }
            if let Some(hash) = hash {
                hash.add(&chunk);
            }
            content.push(&chunk).await?;
        }
        if let Some(hash) = hash {
            hash.add(&(content.len() as u64).to_be_bytes());
        }
        Ok(content)
    }

    fn problem(&self, error: &MultipartError) -> Problem {
        self.ended.take().unwrap_or_else(|| malformed(format!("the form is malformed: {error}")))
    }
}

impl FormPart {
    fn check_type(&self, field: &Field) -> Result<(), Problem> {
        let sent = field.content_type();
        let essence = sent.map(|sent| sent.essence_str());
        let is_utf8 =
            sent.and_then(|sent| sent.get_param("charset")).is_none_or(|charset| charset == "utf-8");
        let (expected, fits) = match self.file {
            Some(media_type) => (media_type, essence == Some(media_type)),
            None => ("text/plain", essence.is_none_or(|essence| essence == "text/plain") && is_utf8),
        };
        if fits {
            return Ok(());
        }
        let rule = Invalid::new("wrong-media-type", format!("must be {expected}"));
        Err(broken(self.name, rule.with("values", json!([expected]))))
    }
}

/// Returns the chunks of the body in the form that the parser reads. The reason of an early end goes to `ended`.
fn chunks(
    incoming: Incoming,
    ended: Rc<RefCell<Option<Problem>>>,
) -> impl Stream<Item = Result<Bytes, PayloadError>> + 'static {
    stream::unfold((incoming, ended), async |(mut incoming, ended)| match incoming.next().await {
        Ok(chunk) => chunk.map(|chunk| (Ok(chunk), (incoming, ended))),
        Err(problem) => {
            ended.replace(Some(problem));
            Some((Err(PayloadError::Incomplete(None)), (incoming, ended)))
        }
    })
}

fn malformed(detail: String) -> Problem {
    Problem::new(Code::MalformedBody).with_detail(detail)
}

fn broken(part: &str, rule: Invalid) -> Problem {
    let name: String = part.chars().take(100).collect();
    Problem::broken_rule(&format!("/{}", name.replace('~', "~0").replace('/', "~1")), rule)
}
