//! Bodies and answers that are not JSON.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::Shop;
use crate::support::{Answer, on_both_engines};

const MOST: usize = 262_144;

/// Bytes that are no text.
fn picture(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 31 % 251) as u8 | 0x80).collect()
}

/// A part of a form, with its head.
fn part(head: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--b\r\nContent-Disposition: form-data{head}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn caption(text: &[u8]) -> Vec<u8> {
    part("; name=\"caption\"", text)
}

fn file(content: &[u8]) -> Vec<u8> {
    part("; name=\"picture\"; filename=\"../../coat.png\"\r\nContent-Type: image/png", content)
}

impl Shop {
    fn avatar(&self) -> String {
        format!("/users/{}/avatar", self.ada.id)
    }

    fn put(&self, media_type: &str, body: Vec<u8>) -> Answer {
        self.server.put(&self.avatar()).bearer(&self.ada.token).body(media_type, body).send()
    }

    fn form(&self, parts: &[Vec<u8>]) -> Answer {
        let body = [parts.concat(), b"--b--\r\n".to_vec()].concat();
        self.server
            .post(&self.avatar())
            .bearer(&self.ada.token)
            .body("multipart/form-data; boundary=b", body)
            .send()
    }

    /// Sends the head of a request and these bytes, then reads until the server closes or is silent.
    fn raw(&self, head: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = format!(
            "PUT {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: image/png\r\n{head}\r\n\r\n",
            self.avatar()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A server that refuses early may have closed the connection.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Returns a body in chunks of this size (RFC 9112 §7.1).
fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let chunks =
        body.chunks(size).map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    chunks.chain([b"0\r\n\r\n".to_vec()]).collect::<Vec<_>>().concat()
}

on_both_engines! {
    fn upload_comes_back_as_it_was_sent(engine: Engine) {
        let shop = Shop::new(engine);
        for length in [0, 1, 65_536, 65_537, 200_000, MOST] {
            shop.put("image/png", picture(length)).expect(204);
            let seen = shop.get(&shop.bob, &shop.avatar()).expect(200);
            assert_eq!(seen.header("content-length"), Some(length.to_string().as_str()));
            assert!(seen.body == String::from_utf8_lossy(&picture(length)), "{length}");
            for (name, value) in [
                ("content-type", "image/png"),
                ("x-content-type-options", "nosniff"),
                ("content-security-policy", "default-src 'none'; sandbox"),
            ] {
                assert_eq!(seen.header(name), Some(value));
            }
            let again = shop.server.get(&shop.avatar()).bearer(&shop.bob.token).header("if-none-match", seen.etag());
            assert_eq!(again.send().expect(304).etag(), seen.etag());
        }
    }

    fn raw_body_has_a_type_and_a_limit_of_its_own(engine: Engine) {
        let shop = Shop::new(engine);
        for media_type in ["image/jpeg", "application/json", "text/html", "image/png+x"] {
            let refused = shop.put(media_type, picture(10)).expect_problem(415, "unsupported-media-type");
            assert_eq!(refused.header("accept"), Some("image/png"));
        }
        let bearer = format!("Authorization: Bearer {}", shop.ada.token);
        let too_large = picture(MOST + 1);
        let length = |length: usize| format!("{bearer}\r\nContent-Length: {length}");
        let chunks = format!("{bearer}\r\nTransfer-Encoding: chunked");
        // Announced: refused before a byte of the body is sent.
        assert!(shop.raw(&length(10_000_000), b"").contains("413"), "announced");
        assert!(shop.raw(&length(MOST + 1), &too_large).contains("413"));
        let refused = shop.raw(&chunks, &chunked(&too_large, 10_000));
        assert!(refused.contains(" 413 ") && refused.contains("262144 bytes"), "{refused}");
        for (size, length) in [(10_000, MOST), (7, 100_000)] {
            let answer = shop.raw(&chunks, &chunked(&picture(length), size));
            assert!(answer.contains(" 204 "), "{answer}");
            let seen = shop.get(&shop.ada, &shop.avatar()).expect(200);
            assert_eq!(seen.header("content-length"), Some(length.to_string().as_str()));
        }
        let length_only = format!("Content-Length: {MOST}");
        assert!(shop.raw(&length_only, b"").contains(" 401 "), "the decision precedes the body");
        let compressed = format!("{}\r\nContent-Encoding: gzip", length(4));
        assert!(shop.raw(&compressed, b"abcd").contains(" 415 "));
    }

    fn form_has_texts_and_files(engine: Engine) {
        let shop = Shop::new(engine);
        shop.form(&[caption(b"In a blue coat"), file(&picture(100_000))]).expect(204);
        shop.form(&[file(&picture(MOST)), caption(b"In a blue coat")]).expect(204);
        let seen = shop.get(&shop.ada, &shop.avatar()).expect(200);
        assert_eq!(seen.header("content-length"), Some("262144"));
        for (parts, pointer, code) in [
            (vec![file(b"x")], "/caption", "required"),
            (vec![caption(b"x")], "/picture", "required"),
            (vec![caption(b"x"), file(b"x"), part("; name=\"colour\"", b"x")], "/colour", "unknown"),
            (vec![caption(b"a\0b"), file(b"x")], "/caption", "control-character"),
            (vec![caption(&[b'x'; 101]), file(b"x")], "/caption", "too-long"),
            (vec![part("; name=\"picture\"; filename=\"x\"\r\nContent-Type: text/html", b"x")], "/picture", "wrong-media-type"),
            (vec![part("; name=\"picture\"", b"x")], "/picture", "wrong-media-type"),
            (vec![part("; name=\"caption\"\r\nContent-Type: application/json", b"{}")], "/caption", "wrong-media-type"),
        ] {
            let refused = shop.form(&parts).expect_problem(422, "invalid-body");
            assert_eq!(refused.broken_rules(), [(pointer.to_owned(), code.to_owned())]);
        }
        for parts in [
            vec![part("", b"x")],
            vec![part("; filename=\"x\"", b"x")],
            vec![caption(b"x"), caption(b"y")],
            vec![file(b"x"), file(b"y")],
            vec![caption(b"\xff\xfe"), file(b"x")],
            vec![b"nothing".to_vec()],
            vec![b"--b\r\n\r\nx\r\n".to_vec()],
        ] {
            shop.form(&parts).expect_problem(400, "malformed-body");
        }
        shop.form(&[caption(&[b'x'; 401]), file(b"x")]).expect_problem(413, "body-too-large");
        shop.form(&[caption(b"x"), file(&picture(MOST + 1))]).expect_problem(413, "body-too-large");
        let preamble = [vec![b'x'; MOST + 5_000], b"\r\n".to_vec()].concat();
        shop.form(&[preamble, caption(b"x"), file(b"x")]).expect_problem(413, "body-too-large");
        let post = |media_type: &str, body: Vec<u8>| {
            shop.server.post(&shop.avatar()).bearer(&shop.ada.token).body(media_type, body).send()
        };
        let whole = || [caption(b"x"), file(b"x")].concat();
        post("multipart/form-data", whole()).expect_problem(400, "malformed-body");
        post("multipart/form-data; boundary=b", whole()).expect_problem(400, "malformed-body");
        post("multipart/mixed; boundary=b", whole()).expect_problem(415, "unsupported-media-type");
        // A refused form changes nothing.
        assert_eq!(shop.get(&shop.ada, &shop.avatar()).header("content-length"), Some("262144"));
    }

    fn repeated_form_is_done_once(engine: Engine) {
        let shop = Shop::new(engine);
        let post = |boundary: &str, text: &[u8]| {
            let body = [caption(text), file(b"x"), b"--b--\r\n".to_vec()].concat();
            let body = String::from_utf8(body).unwrap().replace("--b", &format!("--{boundary}"));
            let media_type = format!("multipart/form-data; boundary={boundary}");
            let post = shop.server.post(&shop.avatar()).bearer(&shop.ada.token);
            post.header("idempotency-key", "one").body(&media_type, body).send()
        };
        assert_eq!(post("b", b"x").expect(204).header("idempotent-replayed"), None);
        // A client that tries again makes another boundary.
        assert_eq!(post("other", b"x").expect(204).header("idempotent-replayed"), Some("true"));
        post("b", b"y").expect_problem(422, "idempotency-key-reused");
    }
}

#[test]
fn document_describes_bodies_that_are_not_json() {
    let document = cloakroom_document();
    let avatar = &document["paths"]["/users/{id}/avatar"];
    let png = json!({ "type": "string", "format": "binary", "maxLength": MOST });
    assert_eq!(avatar["put"]["requestBody"]["content"], json!({ "image/png": { "schema": png } }));
    let form = &avatar["post"]["requestBody"]["content"]["multipart/form-data"];
    assert_eq!(form["encoding"], json!({ "picture": { "contentType": "image/png" } }));
    assert_eq!(form["schema"]["properties"]["caption"]["maxLength"], 400);
    let seen = &avatar["get"]["responses"]["200"];
    assert_eq!(seen["content"]["image/png"]["schema"]["format"], "binary");
    assert!(seen["headers"]["ETag"].is_object() && avatar["get"]["responses"]["304"].is_object());
    for method in ["put", "post"] {
        for status in ["400", "408", "413", "415"] {
            assert!(avatar[method]["responses"][status].is_object(), "{method} {status}");
        }
    }
}

fn cloakroom_document() -> serde_json::Value {
    let app = super::app();
    cloakroom::http::openapi_document("shop", app.routes(), app.vocabulary(), "https://shop.example.org")
}
