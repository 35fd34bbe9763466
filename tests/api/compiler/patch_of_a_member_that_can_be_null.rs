include!("preamble.rs");

cloakroom::record! {
    /// A record with a member that can be null.
    pub struct Slip in slips {
        pub id: NoteId => Uid,
        pub owner_id: UserId => Uid,
        pub remark: Option<String> => Nullable<Text>,
    }
}

cloakroom::body! {
    /// Body of `PATCH /slips/{id}`.
    pub struct SlipPatch changes Slip {
        /// The remark.
        remark: Option<String> = text(|text| Ok(text.to_owned()));
    }
    media_type "application/merge-patch+json"
    example { "remark": "Urgent." }
}
