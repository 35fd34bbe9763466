//! Quality assurance: verification of the authorization matrix over HTTP, the test server, the fuzz targets.

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub(crate) mod seeded_records;
pub(crate) mod test_server;
#[cfg(feature = "testing")]
pub mod testing;
pub(crate) mod verify;
