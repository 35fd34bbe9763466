include!("preamble.rs");

fn show(note: cloakroom::authz::Sealed<Note>) -> Shown<Note> {
    note.into()
}
