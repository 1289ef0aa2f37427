#pragma once
/// The checks of kind table, column and index: expected and actual side by side. Names are looked up as the
/// role's search_path says.

#include "postgres/ask_check.h"

namespace dbm::postgres {

// Errors are those of Session::exec.
Result<Answer> ask_table(const Asking& asking, const migration::TableCheck& check);
Result<Answer> ask_column(const Asking& asking, const migration::ColumnCheck& check);
Result<Answer> ask_index(const Asking& asking, const migration::IndexCheck& check);

}  // namespace dbm::postgres
