//! The list of a kind of record that is kept with [`stored!`](crate::stored): its query, made from
//! what the list can be filtered and sorted by.

use serde_json::{Value, json};

use super::description::Parameter;
use super::problem::{Code, Problem};
use super::query::{Parameters, QueryType};
use super::representation::Listed;
use super::services::Services;
use crate::authz::action::Action;
use crate::authz::{Can, Reach, Rule};
use crate::store::{Kept, Position, Selection};

/// The query of a list: `limit`, `cursor`, `sort`, and the filters of the kind of record.
///
/// ```
/// # use std::sync::Arc;
/// # use cloakroom::authz::{Can, Reach, action::List};
/// # use cloakroom::http::{ListOf, Listed, Problem, Query, Services};
/// # use cloakroom::store::Kept;
/// async fn list<R: Kept + Can<List>>(
///     reach: Reach<R, List>,
///     Query(query): Query<ListOf<R>>,
///     services: Arc<Services>,
/// ) -> Result<Listed<R>, Problem> {
///     query.within(reach, &services).await
/// }
/// ```
pub struct ListOf<R: Kept> {
    selection: Selection<R>,
    cursor: Option<String>,
    /// What the cursor goes with: the filters and the order, as they were written.
    list: String,
    /// The rules of the members that the list is filtered or sorted by.
    rules: Vec<&'static Rule>,
}

impl<R: Kept> ListOf<R> {
    /// The page that was asked for, of what is within reach. What is filtered or sorted by a
    /// member that not everybody reads holds only the records of which the caller may read it.
    ///
    /// # Errors
    /// 400 for a cursor that is not ours, 403 for a member that the caller reads of no record.
    pub async fn within<A: Action>(
        mut self,
        reach: Reach<R, A>,
        services: &Services,
    ) -> Result<Listed<R>, Problem>
    where
        R: Can<A>,
    {
        let list = format!("{} {} {:?}", R::NAME, self.list, reach.by().user_id());
        if let Some(cursor) = self.cursor {
            let after = services.cursors.open::<Position>(&list, &cursor);
            self.selection.after = Some(after.ok_or_else(|| Problem::new(Code::InvalidCursor))?);
        }
        for rule in self.rules {
            self.selection.within.push(reach.by().sight_by(rule)?);
        }
        let page = services.store.list(&reach, self.selection).await?;
        let next = page.next.as_ref().map(|position| services.cursors.seal(&list, position));
        Ok(Listed::with_relations(page.records, reach.by().clone(), next))
    }
}

impl<R: Kept> QueryType for ListOf<R> {
    fn parameters() -> Vec<Parameter> {
        let mut parameters = vec![limit_parameter(), cursor_parameter()];
        if let Some(default) = R::SORTS.first() {
            let sorts: Vec<String> =
                R::SORTS.iter().flat_map(|sort| [(*sort).to_owned(), format!("-{sort}")]).collect();
            let schema = json!({ "enum": sorts, "default": default });
            parameters.push(Parameter::optional("sort", "The order; with `-`, backwards", schema));
        }
        parameters.extend(
            R::filters()
                .into_iter()
                .map(|(name, schema)| Parameter::optional(name, "Those of which this is so", json!(schema))),
        );
        parameters
    }

    fn read(parameters: &mut Parameters) -> Result<Self, String> {
        let limit = parameters.take("limit", limit)?.unwrap_or(DEFAULT_LIMIT);
        let cursor = parameters.take("cursor", text)?;
        let (sort, descending) = match parameters.take("sort", sort::<R>)? {
            Some((sort, descending)) => (Some(sort), descending),
            None => (None, false),
        };
        let mut used: Vec<&str> = sort.into_iter().collect();
        let mut list = format!("{sort:?} {descending}");
        let filter = R::read_filter(|name| {
            let value = parameters.take(name, text)?;
            if let Some(value) = &value {
                used.push(name);
                list += &format!(" {name}={value:?}");
            }
            Ok(value)
        })?;
        let ruled = R::MEMBERS.iter().filter(|member| used.contains(&member.name()));
        let rules = ruled.filter_map(|member| member.read_rule()).collect();
        let sort = sort.or(R::SORTS.first().copied()).unwrap_or_default();
        let selection = Selection { filter, sort, descending, after: None, limit, within: Vec::new() };
        Ok(Self { selection, cursor, list, rules })
    }
}

/// The query of a list without filters, of cloakroom's own.
pub struct PageQuery {
    /// How many.
    pub(crate) limit: u16,
    /// Where the page before ended.
    pub(crate) cursor: Option<String>,
}

impl QueryType for PageQuery {
    fn parameters() -> Vec<Parameter> {
        vec![limit_parameter(), cursor_parameter()]
    }

    fn read(parameters: &mut Parameters) -> Result<Self, String> {
        let limit = parameters.take("limit", limit)?.unwrap_or(DEFAULT_LIMIT);
        Ok(Self { limit, cursor: parameters.take("cursor", text)? })
    }
}

pub(crate) const DEFAULT_LIMIT: u16 = 50;

pub(crate) fn limit_parameter() -> Parameter {
    let schema = json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": DEFAULT_LIMIT });
    Parameter::optional("limit", "At most so many", schema)
}

pub(crate) fn cursor_parameter() -> Parameter {
    let meaning = "The `next` of the page before, with the same filters and order";
    Parameter::optional("cursor", meaning, text_schema())
}

pub(crate) fn text_schema() -> Value {
    json!({ "type": "string" })
}

pub(crate) fn limit(value: &str) -> Result<u16, &'static str> {
    value.parse().ok().filter(|limit| (1..=200).contains(limit)).ok_or("must be a number from 1 to 200")
}

pub(crate) fn text(value: &str) -> Result<String, &'static str> {
    match value.chars().count() {
        0 => Err("must not be empty"),
        1..=512 => Ok(value.to_owned()),
        _ => Err("is too long"),
    }
}

fn sort<R: Kept>(value: &str) -> Result<(&'static str, bool), String> {
    let (name, descending) = value.strip_prefix('-').map_or((value, false), |name| (name, true));
    let known = R::SORTS.iter().find(|sort| **sort == name);
    known
        .map(|sort| (*sort, descending))
        .ok_or_else(|| format!("must be one of {}, or - and one of them", R::SORTS.join(", ")))
}
