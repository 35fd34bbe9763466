//! Identifiers of resource servers: the values of `aud` and of `resource` (RFC 8707 §2).

use super::{Invalid, strict_url};

/// Longest identifier, in bytes.
const MAX_RESOURCE: usize = 512;

/// Parses the identifier of a resource server: a URL without a fragment, or a plain name.
///
/// # Errors
/// `invalid-resource`, with what an identifier is.
pub fn parse_resource(text: &str) -> Result<String, Invalid> {
    let wrong = |detail: &str| Err(Invalid::new("invalid-resource", detail));
    if !(1..=MAX_RESOURCE).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong("must be 1 to 512 ASCII characters without spaces");
    }
    if text.contains('#') {
        return wrong("must not have a fragment");
    }
    match text.split_once(':') {
        Some((scheme, _)) if is_scheme(scheme) && strict_url(text).is_none() => {
            wrong("must be a plain name, or a URL such as https://api.example.org")
        }
        _ => Ok(text.to_owned()),
    }
}

/// Returns true for the scheme of a URI (RFC 3986 §3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Finds the resource that is meant. Clients that normalize URLs add a slash at the end of one: it is the same
/// resource, unless both spellings are known.
pub fn find_resource<'a>(known: &'a [String], meant: &str) -> Option<&'a String> {
    let exact = || known.iter().find(|known| *known == meant);
    exact().or_else(|| known.iter().find(|known| differ_by_final_slash(known, meant)))
}

/// True when both are the same URL but for one slash at the end of its path.
fn differ_by_final_slash(one: &str, other: &str) -> bool {
    let has_path = one.contains("://") && !one.contains(['?', '#']);
    has_path && (one.strip_suffix('/') == Some(other) || other.strip_suffix('/') == Some(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_a_name_or_a_strict_url_without_fragment() {
        for good in
            ["mail", "https://api.example.org", "https://api.example.org/a/", "urn:example:api", "a:b"]
        {
            assert_eq!(parse_resource(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "a b",
            "büro",
            "https:api.example.org",
            "https:/api.example.org",
            "https://api.example.org#a",
            "https://",
            "mail#a",
            "https:\\\\api.example.org",
        ] {
            assert_eq!(parse_resource(bad).unwrap_err().code, "invalid-resource", "{bad:?}");
        }
    }

    #[test]
    fn one_slash_at_the_end_of_a_path_is_no_difference() {
        for (one, other, same) in [
            ("https://api.example.org", "https://api.example.org/", true),
            ("https://api.example.org/mcp/", "https://api.example.org/mcp", true),
            ("https://api.example.org/mcp", "https://api.example.org/mcp//", false),
            ("https://api.example.org/mcp", "https://api.example.org/MCP/", false),
            ("https://api.example.org/mcp", "https://api.example.org/mcp/a", false),
            ("https://api.example.org/mcp?a", "https://api.example.org/mcp?a/", false),
            ("urn:example:api", "urn:example:api/", false),
            ("api", "api/", false),
        ] {
            assert_eq!(differ_by_final_slash(one, other), same, "{one} {other}");
            assert_eq!(differ_by_final_slash(other, one), same, "{other} {one}");
        }
    }
}
