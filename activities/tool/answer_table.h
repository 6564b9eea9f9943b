#pragma once

#include "dalsegno/json.h"
#include "dalsegno/result.h"

namespace dalsegno::activities {

/// Uniform lists as tables. A list of objects that all have the same members says their names once:
///
///   [{"id": 1, "at": {"x": 2, "y": 3}}, …]  {"@table": [[{"at": ["x", "y"]}, "id"], [[2, 3], 1],
///   …]}
///
/// The first row is the header. A text names a column; {"name": HEADER} is one whose cells are
/// objects with the columns of that header; a header within a list ([HEADER]) stands for lists of
/// such objects. Tables are made only where the text of the value becomes shorter, and not within
/// each other. A member whose own name is "@table", or that with more "@" before it, gets one "@"
/// more, so every value has a form, and no two have the same.

/// `value` with its members sorted as in the canonical form, and with tables.
/// Limits: a value nested deeper than 256 has no tables.
[[nodiscard]] Json with_tables(Json const& value);

/// What `with_tables` was given, with sorted members.
/// Errors: Errc::invalid for a table that is none.
[[nodiscard]] Result<Json> without_tables(Json const& value);

}  // namespace dalsegno::activities
