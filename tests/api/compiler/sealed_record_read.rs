include!("preamble.rs");

fn read(note: cloakroom::authz::Sealed<Note>) -> String {
    note.text
}
