//! List of records that [`stored!`](crate::stored) declares: its query, made from the filters and the sort
//! keys.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    Argument, Call, Code, CursorKey, Description, Listed, Parameter, Parameters, Problem, Query, QueryType,
    ReachOf,
};
use crate::authz::action::Action;
use crate::authz::{Can, Reach, RowFilter, Rule};
use crate::domain::{UserId, parse_number};
use crate::store::private::FilterCondition;
use crate::store::{Keyset, MOST_VALUES, Position, Repository, Selection, Store};

/// The query of a list: `limit`, `cursor`, `sort`, and the filters of the kind of record.
///
/// ```
/// # use cloakroom::authz::{Can, Reach, action::List};
/// # use cloakroom::http::{ListOf, Listed, Problem};
/// # use cloakroom::store::{Repository, Store};
/// async fn list<R: Repository + Can<List>>(
///     reach: Reach<R, List>,
///     list: ListOf<R>,
///     store: Store,
/// ) -> Result<Listed<R>, Problem> {
///     list.within(reach, &store).await
/// }
/// ```
pub struct ListOf<R: Repository> {
    query: ListQuery<R>,
    cursors: CursorKey,
}

struct ListQuery<R: Repository> {
    selection: Selection<R>,
    cursor: Option<String>,
    /// The filters and the order as they were sent: a cursor is valid for these only.
    list: String,
    /// The rules of the members that the list is filtered or sorted by.
    rules: Vec<&'static Rule>,
}

impl<R: Repository> Argument for ListOf<R> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let Query(query) = Query::take(call).await?;
        Ok(Self { query, cursors: call.services().cursors.clone() })
    }

    fn describe(description: &mut Description) {
        <Query<ListQuery<R>> as Argument>::describe(description);
        description.table = R::TABLE;
        description.selects_by =
            R::filters().iter().map(|filter| filter.member).chain(R::SORTS.iter().copied()).collect();
    }
}

impl<R: Repository> ListOf<R> {
    /// Reads the requested page of the records within reach. A list that is filtered or sorted by a member
    /// that not every caller reads holds only records of which this caller may read the member.
    ///
    /// # Errors
    /// 400 for an invalid cursor, 403 for a member that the caller reads of no record.
    pub async fn within<A: Action>(self, reach: Reach<R, A>, store: &Store) -> Result<Listed<R>, Problem>
    where
        R: Can<A>,
    {
        self.page(reach, None, store).await
    }

    /// Reads the requested page of the records of the user that the path names, as [`ListOf::within`] does.
    ///
    /// # Errors
    /// The errors of [`ListOf::within`].
    pub async fn of<A: Action>(self, reach: ReachOf<R, A>, store: &Store) -> Result<Listed<R>, Problem>
    where
        R: Can<A>,
    {
        let owner = reach.owner();
        let (reach, of_owner) = reach.into_parts();
        self.page(reach, Some((owner, of_owner)), store).await
    }

    async fn page<A: Action>(
        self,
        reach: Reach<R, A>,
        of: Option<(UserId, RowFilter)>,
        store: &Store,
    ) -> Result<Listed<R>, Problem>
    where
        R: Can<A>,
    {
        let ListQuery { mut selection, cursor, list, rules } = self.query;
        let owner = of.as_ref().map(|(owner, _)| owner.to_string()).unwrap_or_default();
        let list = format!("{} {owner} {list} {:?}", R::NAME, reach.by().user_id());
        selection.within.extend(of.map(|(_, filter)| filter));
        if let Some(cursor) = cursor {
            let after = self.cursors.open::<Position>(&list, &cursor);
            selection.after = Some(after.ok_or_else(|| Problem::new(Code::InvalidCursor))?);
        }
        for rule in rules.into_iter().filter(|_| !fault!(member_filtered_by_all)) {
            selection.within.push(reach.by().row_filter_by(rule)?);
        }
        let page = store.list(&reach, selection).await?;
        let next = page.next.as_ref().map(|position| self.cursors.seal(&list, position));
        Ok(Listed::with_relations(page.records, reach.by().clone(), next))
    }
}

impl<R: Repository> QueryType for ListQuery<R> {
    fn parameters() -> Vec<Parameter> {
        let mut parameters = vec![limit_parameter(), cursor_parameter()];
        if let Some(default) = R::SORTS.first() {
            let sorts: Vec<String> =
                R::SORTS.iter().flat_map(|sort| [(*sort).to_owned(), format!("-{sort}")]).collect();
            let schema = json!({ "enum": sorts, "default": default });
            parameters.push(Parameter::optional(
                "sort",
                "The sort key; `-` before it sorts in descending order",
                schema,
            ));
        }
        parameters.extend(R::filters().into_iter().map(|filter| {
            let schema = json!(filter.schema);
            let (meaning, schema) = match filter.condition {
                FilterCondition::Equal => ("Records with this value", schema),
                FilterCondition::AnyOf => (
                    "Records with one of these values, with commas between them",
                    json!({ "type": "array", "items": schema, "minItems": 1, "maxItems": MOST_VALUES }),
                ),
                FilterCondition::After => ("Records with a later or greater value", schema),
                FilterCondition::Before => ("Records with an earlier or smaller value", schema),
                FilterCondition::Prefix => ("Records whose text begins so, in the same case", schema),
            };
            Parameter::optional(filter.parameter, meaning, schema)
        }));
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
        let filter = R::read_filter(|name, member| {
            let value = parameters.take(name, text)?;
            if let Some(value) = &value {
                used.push(member);
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

/// The query of a list without filters: `limit` and `cursor`.
pub struct Paging {
    query: PageQuery,
    cursors: CursorKey,
}

/// The parameters of [`Paging`].
pub struct PageQuery {
    /// The largest number of records on the page.
    pub(crate) limit: u16,
    /// The end of the previous page.
    pub(crate) cursor: Option<String>,
}

impl Argument for Paging {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let Query(query) = Query::take(call).await?;
        Ok(Self { query, cursors: call.services().cursors.clone() })
    }

    fn describe(description: &mut Description) {
        <Query<PageQuery> as Argument>::describe(description);
    }
}

impl Paging {
    /// Returns the requested page of the list with this name.
    ///
    /// # Errors
    /// 400 for a cursor that is invalid or of another list.
    pub fn keyset<P: DeserializeOwned>(&self, list: &str) -> Result<Keyset<P>, Problem> {
        let open = |cursor: &String| {
            self.cursors.open(list, cursor).ok_or_else(|| Problem::new(Code::InvalidCursor))
        };
        let after = self.query.cursor.as_ref().map(open).transpose()?;
        Ok(Keyset { after, limit: self.query.limit })
    }

    /// Returns the cursor of the next page.
    pub fn cursor<P: Serialize>(&self, list: &str, next: Option<P>) -> Option<String> {
        next.map(|position| self.cursors.seal(list, &position))
    }
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

/// Number of records on a page when the client sets no limit.
pub(crate) const DEFAULT_LIMIT: u16 = 50;

pub(crate) fn limit_parameter() -> Parameter {
    let schema = json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": DEFAULT_LIMIT });
    Parameter::optional("limit", "The largest number of records on the page", schema)
}

pub(crate) fn cursor_parameter() -> Parameter {
    let meaning = "The `next` value of the previous page; the filters and the order must be the same";
    Parameter::optional("cursor", meaning, text_schema())
}

pub(crate) fn text_schema() -> Value {
    json!({ "type": "string" })
}

pub(crate) fn limit(value: &str) -> Result<u16, &'static str> {
    parse_number(value)
        .filter(|limit| (1..=200).contains(limit) || fault!(page_not_bounded))
        .ok_or("must be a number from 1 to 200")
}

pub(crate) fn text(value: &str) -> Result<String, &'static str> {
    match value.chars().count() {
        0 => Err("must not be empty"),
        1..=512 => Ok(value.to_owned()),
        _ => Err("is too long"),
    }
}

fn sort<R: Repository>(value: &str) -> Result<(&'static str, bool), String> {
    let (name, descending) = value.strip_prefix('-').map_or((value, false), |name| (name, true));
    let known = R::SORTS.iter().find(|sort| **sort == name);
    known
        .map(|sort| (*sort, descending))
        .ok_or_else(|| format!("must be one of {}, or `-` followed by one of them", R::SORTS.join(", ")))
}
