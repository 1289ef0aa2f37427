#include "postgres/ledger.h"

#include <initializer_list>
#include <utility>

namespace dbm::postgres {
namespace {

/// A call of one of the ledger's functions, its arguments written out with their types, so that no overload
/// of another type could ever be chosen.
class Call {
 public:
  Call(const Fence& fence, std::string_view function)
      : sql_("SELECT " + quote_ident(fence.schema) + "." + std::string(function) + "(") {}

  Call& number_or_null(std::optional<std::int64_t> value) {
    return value ? number(*value) : add("NULL::bigint");
  }
  Call& number(std::int64_t value) { return add("'" + std::to_string(value) + "'::bigint"); }
  Call& text(std::string_view value) { return add(quote_literal(value) + "::pg_catalog.text"); }
  Call& text_or_null(const std::string& value) {
    return value.empty() ? add("NULL::pg_catalog.text") : text(value);
  }
  Call& fence(const Fence& fence) {
    return number(fence.lock_key).number(fence.epoch).add(quote_literal(fence.run) + "::pg_catalog.uuid");
  }
  std::string done() { return std::move(sql_) + ")"; }

 private:
  Call& add(std::string_view argument) {
    if (sql_.back() != '(') sql_ += ", ";
    sql_ += argument;
    return *this;
  }
  std::string sql_;
};

Call& error_of(Call& call, const std::optional<Error>& error) {
  if (!error) return call.text_or_null("").text_or_null("").text_or_null("");
  return call.text_or_null(error->sqlstate).text_or_null(error->message).text_or_null(error->server_message);
}

}  // namespace

std::string begin_script_sql(const Fence& fence, const HistoryRecord& record, std::string_view status) {
  return Call{fence, "begin_script"}
      .fence(fence)
      .text(record.version)
      .text(record.version_key)
      .text(record.name)
      .number(record.batch)
      .text(status)
      .text(record.checksum)
      .text(record.normalised)
      .text_or_null(record.rollback_checksum)
      .text_or_null(record.rollback_sql)
      .number(record.statements)
      .text_or_null(record.backup_id)
      .text_or_null(record.plan_digest)
      .done();
}

std::string leave_sql(const Fence& fence, const std::string& version_key, std::optional<std::int64_t> rows) {
  return Call{fence, "leave"}.fence(fence).text(version_key).number_or_null(rows).done();
}

std::string enter_sql(const Fence& fence) { return Call{fence, "enter"}.fence(fence).done(); }

std::string fail_script_sql(const Fence& fence, const HistoryRecord& record, const Error& error,
                            std::int64_t done) {
  Call call{fence, "fail_script"};
  call.fence(fence).text(record.version).text(record.version_key).text(record.name).number(record.batch);
  call.text(record.checksum).text(record.normalised).number(record.statements).number(done);
  call.text_or_null(record.backup_id).text_or_null(record.plan_digest);
  return error_of(call, error).done();
}

std::string intend_statement_sql(const Fence& fence, const std::string& version_key, std::int64_t index,
                                 const std::string& hash, const std::string& kind, const std::string& object,
                                 const std::string& state_before) {
  return Call{fence, "intend_statement"}
      .number(fence.epoch)
      .text(version_key)
      .number(index)
      .text(hash)
      .text(kind)
      .text_or_null(object)
      .text_or_null(state_before)
      .done();
}

std::string done_statement_sql(const Fence& fence, const std::string& version_key, std::int64_t index,
                               std::string_view outcome, std::int64_t rows) {
  return Call{fence, "done_statement"}.text(version_key).number(index).text(outcome).number(rows).done();
}

std::string close_script_sql(const Fence& fence, const std::string& version_key, std::string_view status,
                             const std::optional<Error>& error) {
  Call call{fence, "close_script"};
  call.text(version_key).text(status);
  return error_of(call, error).done();
}

}  // namespace dbm::postgres
