//! Huge pages of Linux: for the memory that passwords are hashed in, which they make faster, and for nothing
//! else. One is resident as a whole for the little that a thread or an idle connection writes there.

/// What is allocated from now on gets none.
pub(crate) fn none() {
    #[cfg(target_os = "linux")]
    if let Err(error) = linux::none() {
        log::debug!("huge pages are as the system has them: {error}");
    }
}

/// What this allocates, and writes to, may get them.
pub(crate) fn amid<T>(allocate: impl FnOnce() -> T) -> T {
    #[cfg(target_os = "linux")]
    return linux::amid(allocate);
    #[cfg(not(target_os = "linux"))]
    allocate()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::sync::{Mutex, PoisonError};

    use rustix::io;
    use rustix::thread::{disable_transparent_huge_pages, transparent_huge_pages_are_disabled};

    /// It is a switch of the whole process: nobody puts it back while somebody else still allocates.
    static SWITCH: Mutex<()> = Mutex::new(());

    pub(super) fn none() -> io::Result<()> {
        disable_transparent_huge_pages(true)
    }

    pub(super) fn amid<T>(allocate: impl FnOnce() -> T) -> T {
        alone(|| {
            let switched = transparent_huge_pages_are_disabled()
                .is_ok_and(|disabled| disabled && disable_transparent_huge_pages(false).is_ok());
            let allocated = allocate();
            if switched {
                super::none();
            }
            allocated
        })
    }

    pub(super) fn alone<T>(work: impl FnOnce() -> T) -> T {
        let _alone = SWITCH.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::thread::transparent_huge_pages_are_disabled as are_disabled;

    #[test]
    fn what_is_allocated_amid_them_may_have_them_and_nothing_after_it() {
        super::none();
        assert_eq!(super::amid(are_disabled), Ok(false));
        assert_eq!(super::linux::alone(are_disabled), Ok(true));
    }
}
