//! Uploaded bytes: in memory while they are few, otherwise in a temporary file without a name.

use std::fs::File;
use std::io::{self, Seek as _, Write};

use super::incoming::LARGEST_BODY;
use super::{Code, Problem};

/// Uploaded bytes. A file that holds them has no name, and is removed with this value.
///
/// ```
/// # use cloakroom::http::{Problem, Upload};
/// async fn first_bytes(upload: Upload) -> Result<Vec<u8>, Problem> {
///     let bytes = upload.bytes().await?;
///     Ok(bytes.into_iter().take(8).collect())
/// }
/// ```
pub struct Upload {
    /// The last bytes, or all of them.
    memory: Vec<u8>,
    /// The bytes before those.
    file: Option<File>,
    length: usize,
    pub(super) file_name: Option<String>,
}

impl Upload {
    pub(super) fn new() -> Self {
        Self { memory: Vec::new(), file: None, length: 0, file_name: None }
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// 500 when there is no room for the temporary file.
    pub(super) async fn push(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.length += bytes.len();
        self.memory.extend_from_slice(bytes);
        if self.memory.len() <= LARGEST_BODY {
            return Ok(());
        }
        let (memory, file) = (std::mem::take(&mut self.memory), self.file.take());
        let written = blocking(move || {
            let mut file = file.map_or_else(tempfile::tempfile, Ok)?;
            file.write_all(&memory)?;
            Ok(file)
        });
        self.file = Some(written.await?);
        Ok(())
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// True without a byte.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns the name of the file that the client sent in a form: its last segment, of at most 255 bytes, without
    /// control characters. It is only a text of the client's: no path, and not unique.
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// Reads everything into memory.
    ///
    /// # Errors
    /// 500 when the temporary file cannot be read.
    pub async fn bytes(self) -> Result<Vec<u8>, Problem> {
        match self.file {
            None => Ok(self.memory),
            Some(_) => self.read_to(Vec::new()).await,
        }
    }

    /// Writes everything into `writer`, such as a file, on a thread that may block. Returns the writer.
    ///
    /// # Errors
    /// 500 when the writer fails, or the temporary file cannot be read.
    pub async fn read_to<W: Write + Send + 'static>(self, mut writer: W) -> Result<W, Problem> {
        blocking(move || {
            if let Some(mut file) = self.file {
                file.rewind()?;
                io::copy(&mut file, &mut writer)?;
            }
            writer.write_all(&self.memory)?;
            writer.flush()?;
            Ok(writer)
        })
        .await
    }
}

/// Does file work on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await.map_err(io::Error::other).and_then(|done| done);
    done.map_err(|error| {
        log::error!("an uploaded body cannot be stored: {error}");
        Problem::new(Code::Internal)
    })
}

/// Returns the name of a file without what a path could do: its last segment, without control characters.
pub(super) fn safe_file_name(sent: &str) -> Option<String> {
    const LONGEST: usize = 255;
    let last = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut name: String = last.chars().filter(|c| !c.is_control()).collect();
    while name.len() > LONGEST {
        name.pop();
    }
    let name = name.trim();
    (!name.is_empty() && name != "." && name != "..").then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_name_has_no_path() {
        for (sent, kept) in [
            ("coat.png", Some("coat.png")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\Users\\ada\\coat.png", Some("coat.png")),
            ("a/..", None),
            ("..", None),
            (".", None),
            ("", None),
            ("coat\0.png\r\n", Some("coat.png")),
            ("coat/", None),
        ] {
            assert_eq!(safe_file_name(sent).as_deref(), kept, "{sent:?}");
        }
        assert_eq!(safe_file_name(&"ä".repeat(300)).map(|name| name.len()), Some(254));
    }

    #[actix_web::test]
    async fn bytes_beyond_the_limit_of_memory_come_back_in_order() {
        let sent: Vec<u8> = (0..300_000_u32).flat_map(u32::to_be_bytes).collect();
        let mut upload = Upload::new();
        for chunk in sent.chunks(7_919) {
            upload.push(chunk).await.unwrap();
        }
        assert!(upload.file.is_some() && upload.memory.len() <= LARGEST_BODY);
        assert_eq!(upload.len(), sent.len());
        assert!(upload.bytes().await.unwrap() == sent);
    }
}
