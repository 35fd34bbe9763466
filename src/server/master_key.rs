//! Master keys: given in the configuration, in a file, or created beside the SQLite database at the first start. The
//! database says which of two is in use.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::config::{Config, MasterKeySource};
use crate::domain::{ClockAndRandom, NoRandomness, Random, Rotating, StoredKey};
use crate::store::{MasterKeyState, StoreError, TrailKeys, TrustedStore};
use crate::text_file::read_text;
use crate::token::MasterKey;

/// Error of the master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The configuration has none.
    #[error("there is no master key; set CLOAKROOM_MASTER_KEY or CLOAKROOM_MASTER_KEY_FILE")]
    NotGiven,
    /// The file cannot be read.
    #[error(
        "the master key {} cannot be read: {error}; put the file there, or correct its permissions",
        .path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// The file does not contain a master key.
    #[error(
        "{} is not a master key; it must contain exactly the 32 bytes in base64 that sealed the signing keys",
        .0.display()
    )]
    NotAKey(PathBuf),
    /// The file cannot be created.
    #[error(
        "the master key {} cannot be created: {error}; let the server write there, or set CLOAKROOM_MASTER_KEY",
        .path.display()
    )]
    NotCreated {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// Both settings have the same key.
    #[error(
        "CLOAKROOM_MASTER_KEY_PREVIOUS is the same key as CLOAKROOM_MASTER_KEY; give the key that it replaces, or remove it"
    )]
    Same,
    /// The database is sealed with another master key.
    #[error(
        "the database is sealed with another master key than this server has; set CLOAKROOM_MASTER_KEY to the present \
         one, and CLOAKROOM_MASTER_KEY_PREVIOUS to the one before while `keys master` says that it is needed; if the key \
         is lost, see `keys replace-lost-master`"
    )]
    Other,
    /// Values are left that the previous master key sealed.
    #[error(
        "the database still has values that the previous master key sealed; set CLOAKROOM_MASTER_KEY_PREVIOUS to it \
         until `keys master` says that it may go"
    )]
    StillNeeded,
    /// The database is not available.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system provides no random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Returns the master keys of this configuration, and gives the store its keys. The one in use seals from now on.
///
/// # Errors
/// See [`MasterKeyError`].
pub(crate) async fn open_master_keys(
    store: &TrustedStore,
    config: &Config,
    clock_and_random: &ClockAndRandom,
) -> Result<Rotating<MasterKey>, MasterKeyError> {
    let stored = store.signing_keys().await?;
    let keys = load_master_keys(config, clock_and_random, !stored.is_empty() || store.has_seals().await?)?;
    // Until the database has a record of master keys, the signing keys tell which one sealed it.
    let opens = |key: &StoredKey| {
        let context = StoredKey::sealing_context(&key.key.kid, &key.key.algorithm);
        keys.present().open(&key.sealed, &context).is_ok()
    };
    keys.set_uses_previous(!stored.iter().any(opens));
    use_trail_keys(store, &keys, &clock_and_random.random)?;
    check_master_keys(store, &keys).await?;
    Ok(keys)
}

/// Gives the store the keys of the audit trail.
///
/// # Errors
/// Never for keys of 32 bytes.
pub(crate) fn use_trail_keys(
    store: &TrustedStore,
    master: &Rotating<MasterKey>,
    random: &Random,
) -> Result<(), StoreError> {
    let derive = master.map(|master| {
        let master = master.clone();
        move |purpose: &str| master.derive(purpose)
    });
    store.use_trail_keys(TrailKeys::new(&derive, random.clone())?);
    Ok(())
}

/// Compares the master keys with the one in use, which seals from now on.
///
/// # Errors
/// When it is another one, or a previous one is needed and not there.
pub(crate) async fn check_master_keys(
    store: &TrustedStore,
    keys: &Rotating<MasterKey>,
) -> Result<MasterKeyState, MasterKeyError> {
    match store.follow_master_key().await? {
        MasterKeyState::Other => Err(MasterKeyError::Other),
        MasterKeyState::Resealing(_) if keys.previous().is_none() => Err(MasterKeyError::StillNeeded),
        state => Ok(state),
    }
}

/// Returns the master keys of this configuration, without a look at the database.
///
/// # Errors
/// See [`MasterKeyError`].
pub(crate) fn load_master_keys(
    config: &Config,
    clock_and_random: &ClockAndRandom,
    in_use: bool,
) -> Result<Rotating<MasterKey>, MasterKeyError> {
    let previous = match config.previous_master_key_source() {
        None => None,
        Some(MasterKeySource::Given(key)) => Some(key),
        Some(MasterKeySource::File(path) | MasterKeySource::DataDirectory(path)) => Some(read(path)?),
    };
    let present = load_master_key(config, &clock_and_random.random, in_use)?;
    let is_same = |previous: &MasterKey| previous.derive("fingerprint") == present.derive("fingerprint");
    if previous.as_ref().is_some_and(is_same) {
        return Err(MasterKeyError::Same);
    }
    Ok(Rotating::new(present, previous))
}

/// Returns the master key of this configuration. It is created when the configuration allows that and
/// `in_use` is false: a new key could not open what another has sealed.
///
/// # Errors
/// See [`MasterKeyError`]. Each error names the path and what to do.
fn load_master_key(config: &Config, random: &Random, in_use: bool) -> Result<MasterKey, MasterKeyError> {
    match config.master_key_source() {
        None => Err(MasterKeyError::NotGiven),
        Some(MasterKeySource::Given(key)) => Ok(key),
        Some(MasterKeySource::File(path)) => read(path),
        Some(MasterKeySource::DataDirectory(path)) if in_use => read(path),
        Some(MasterKeySource::DataDirectory(path)) => read_or_create(path, random),
    }
}

fn read_or_create(path: PathBuf, random: &Random) -> Result<MasterKey, MasterKeyError> {
    match read(path) {
        Err(MasterKeyError::Unreadable { path, error }) if error.kind() == ErrorKind::NotFound => {
            let key = MasterKey::new(random.bytes()?);
            let beside = temporary(&path, random)?;
            match create(&path, &beside, &key) {
                Ok(()) => log::info!("the master key {} was created; keep a copy of it", path.display()),
                // Another process was faster. Its key counts.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(MasterKeyError::NotCreated { path, error }),
            }
            read(path)
        }
        done => done,
    }
}

fn read(path: PathBuf) -> Result<MasterKey, MasterKeyError> {
    let text = match read_text(&path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::InvalidData => return Err(MasterKeyError::NotAKey(path)),
        Err(error) => return Err(MasterKeyError::Unreadable { path, error }),
    };
    warn_of_readers(&path);
    MasterKey::from_base64(&text).ok_or(MasterKeyError::NotAKey(path))
}

/// Creates the file atomically, and never replaces another. The file is written under a temporary name and
/// then linked.
fn create(path: &Path, beside: &Path, key: &MasterKey) -> io::Result<()> {
    let written = write(beside, key).and_then(|()| fs::hard_link(beside, path));
    let removed = fs::remove_file(beside);
    written.and(removed)?;
    File::open(directory(path))?.sync_all()
}

fn write(path: &Path, key: &MasterKey) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(key.to_base64().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn temporary(path: &Path, random: &Random) -> Result<PathBuf, NoRandomness> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}", u64::from_ne_bytes(random.bytes()?)));
    Ok(path.with_file_name(name))
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Warns when other users can read the file. It is no error, because some mounts fix the permissions.
fn warn_of_readers(path: &Path) {
    #[cfg(unix)]
    if let Ok(metadata) = fs::metadata(path)
        && metadata.is_file()
        && std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
    {
        let path = path.display();
        log::warn!("other users of this machine can read the master key {path}; run chmod 600 {path}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_that_start_together_get_the_same_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cloakroom.master-key");
        let make = |_| {
            let path = path.clone();
            std::thread::spawn(move || {
                read_or_create(path, &Random::system()).unwrap().to_base64().to_string()
            })
        };
        let makers: Vec<_> = (0..8).map(make).collect();
        let mut keys: Vec<String> = makers.into_iter().map(|maker| maker.join().unwrap()).collect();
        keys.dedup();
        assert_eq!(keys.len(), 1);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn an_error_names_the_file_and_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let text = read(path.clone()).unwrap_err().to_string();
        assert!(text.contains(path.to_str().unwrap()) && text.contains("put the file there"), "{text}");
        for wrong in [b"AAAA".as_slice(), b"", b"\xff"] {
            fs::write(&path, wrong).unwrap();
            let text = read_or_create(path.clone(), &Random::system()).unwrap_err().to_string();
            assert!(text.contains(path.to_str().unwrap()) && text.contains("32 bytes"), "{text}");
        }
        let nowhere = dir.path().join("none/key");
        let text = read_or_create(nowhere, &Random::system()).unwrap_err().to_string();
        assert!(text.contains("none/key") && text.contains("set CLOAKROOM_MASTER_KEY"), "{text}");
    }
}
