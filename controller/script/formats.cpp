#include "script/formats.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "script/lexer.h"
#include "script/splitter.h"

namespace dbm::script {
namespace {

/// Comments by which tools mark their files: lower case, rulers and blanks around them removed.
struct Mark {
  std::string_view text;
  bool whole;  ///< The comment holds nothing else.
  std::string_view format;
};

constexpr std::array kMarks{
    Mark{"+goose", false, "Goose"},
    Mark{"+migrate", false, "SqlMigrate"},
    Mark{"migrate:up", false, "Dbmate"},
    Mark{"migrate:down", false, "Dbmate"},
    Mark{"liquibase formatted sql", false, "Liquibase"},
    Mark{"create above / drop below", true, "Tern"},
    Mark{"up migration", true, "NodePgMigrate"},
    Mark{"down migration", true, "NodePgMigrate"},
    Mark{"morph:", false, "Morph"},
    Mark{"atlas:", false, "Atlas"},
    Mark{"statement-breakpoint", true, "Drizzle"},
    Mark{"forward migration", true, "Sections"},
    Mark{"rollback migration", true, "Sections"},
    Mark{"+up", true, "Sections"},
    Mark{"+down", true, "Sections"},
};

constexpr std::string_view kRuler = "-=*# \t>";
constexpr std::size_t kLongestMark = 200;

std::string_view strip(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kRuler);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of("-=*# \t\r") + 1 - first);
}

bool starts_with_word(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && is_word(text.substr(0, lower.size()), lower);
}

/// The first "--", or the end. memchr() reads ten times the bytes that memmem() does.
std::size_t find_dashes(std::string_view bytes) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (at < end) {
    at = static_cast<const char*>(std::memchr(at, '-', static_cast<std::size_t>(end - at)));
    if (at == nullptr || at + 1 == end) break;
    if (at[1] == '-') return static_cast<std::size_t>(at - bytes.data());
    ++at;
  }
  return bytes.size();
}

/// A cheap look at bytes, literals included: could any of its comments be a mark?
bool may_hold_mark(std::string_view bytes) {
  while (true) {
    const std::size_t found = find_dashes(bytes);
    if (found == bytes.size()) return false;
    bytes.remove_prefix(found);
    const std::string_view line = bytes.substr(0, std::min(bytes.find('\n'), kLongestMark));
    if (format_of_comment(line) || is_rollback_line(line)) return true;
    bytes.remove_prefix(
        std::max<std::size_t>(2, line.find_first_not_of('-') == std::string_view::npos ? line.size() : 2));
  }
}

class MarkFinder final : public CommentSink {
 public:
  explicit MarkFinder(Scanned& into) : into_(into) {}

  bool comment(std::string_view text, std::uint64_t begin, const Position& at) override {
    const bool parts = is_rollback_line(text) && !into_.rollback;
    if (parts) into_.rollback = Scanned::Rollback{begin, begin + text.size(), at, false, seen_statement};
    const auto format = format_of_comment(text);
    const auto is_known = [&](const Marker& known) { return known.format == *format; };
    if (format && std::none_of(into_.markers.begin(), into_.markers.end(), is_known))
      into_.markers.push_back({*format, "the comment '" + std::string(text.substr(0, 60)) + "'", at});
    return parts;
  }

  bool seen_statement = false;

 private:
  Scanned& into_;
};

/// The look with the lexer, which knows literals and COPY rows. What is wrong with the text is said by
/// analyse().
void find_marks(const Text& text, Scanned& scanned) {
  auto splitter = Splitter::open(text);
  if (!splitter) return;
  MarkFinder finder(scanned);
  splitter->show_comments(&finder);
  while (true) {
    const auto piece = splitter->next();
    // What is wrong behind the line is the rollback's to say.
    if (!piece && scanned.rollback) scanned.rollback->has_statements = true;
    if (!piece || *piece == nullptr) return;
    finder.seen_statement = true;
    if (!scanned.rollback) continue;
    ((*piece)->begin >= scanned.rollback->next ? scanned.rollback->has_statements
                                               : scanned.rollback->has_forward) = true;
  }
}

}  // namespace

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::optional<std::string_view> format_of_comment(std::string_view comment) {
  const std::string_view text = strip(comment.substr(0, kLongestMark));
  for (const Mark& mark : kMarks) {
    if (mark.whole ? is_word(text, mark.text) : starts_with_word(text, mark.text)) return mark.format;
  }
  return std::nullopt;
}

bool is_rollback_line(std::string_view comment) {
  const auto directive = read_directive(comment);
  return directive && directive->word == "rollback" && directive->value.empty();
}

std::optional<Marker> marker_of_path(std::string_view path) {
  const std::string_view base = base_name(path);
  const bool in_folder = base.size() != path.size();
  const auto marker = [&](std::string_view format) {
    return Marker{format, "the file " + std::string(path), {std::string(path)}};
  };
  if (base == "sqitch.plan") return marker("Sqitch");
  if (base == "atlas.sum") return marker("Atlas");
  if (path.ends_with("meta/_journal.json")) return marker("Drizzle");
  if (base == "migration.sql" && in_folder) return marker("Prisma");
  if ((base == "up.sql" || base == "down.sql") && in_folder) return marker("Diesel");
  if (!base.ends_with(".sql") || base.find("__") == std::string_view::npos) return std::nullopt;
  const bool digit = base.size() > 1 && base[1] >= '0' && base[1] <= '9';
  if ((digit && (base[0] == 'V' || base[0] == 'U' || base[0] == 'B')) || base.starts_with("R__"))
    return marker("Flyway");
  return std::nullopt;
}

Result<Scanned> scan(const Text& text) {
  auto reader = text.open();
  if (!reader) return reader.error();
  Scanned scanned;
  Sha256 sha;
  bool candidate = false;
  const auto capacity = static_cast<std::size_t>(std::min<std::uint64_t>(text.size + 1, Window::kBlock));
  const auto buffer = std::make_unique_for_overwrite<char[]>(capacity + kLongestMark);
  std::size_t kept = 0;  // the end of the last block, where a mark may have been cut
  while (true) {
    const auto count = (*reader)->read({buffer.get() + kept, capacity});
    if (!count) return count.error();
    if (*count == 0) break;
    sha.update({buffer.get() + kept, *count});
    const std::size_t held = kept + *count;
    candidate = candidate || may_hold_mark({buffer.get(), held});
    kept = std::min(held, kLongestMark);
    std::memmove(buffer.get(), buffer.get() + held - kept, kept);
  }
  scanned.checksum = "sha256:" + sha.finish_hex();
  if (candidate) find_marks(text, scanned);
  return scanned;
}

Result<std::string> checksum_of(const Text& text) {
  auto reader = text.open();
  if (!reader) return reader.error();
  Sha256 sha;
  std::array<char, 16384> buffer;
  while (true) {
    const auto count = (*reader)->read(buffer);
    if (!count) return count.error();
    if (*count == 0) return "sha256:" + sha.finish_hex();
    sha.update({buffer.data(), *count});
  }
}

bool matches_glob(std::string_view glob, std::string_view name) {
  // The place to go back to when a * took too little.
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  std::size_t g = 0;
  std::size_t n = 0;
  while (n < name.size()) {
    const std::size_t close =
        g < glob.size() && glob[g] == '[' ? glob.find(']', g + 2) : std::string_view::npos;
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = n;
    } else if (close != std::string_view::npos) {
      const bool negated = glob[g + 1] == '!' || glob[g + 1] == '^';
      bool in = false;
      for (std::size_t i = g + (negated ? 2 : 1); i < close; ++i) {
        const bool range = i + 2 < close && glob[i + 1] == '-';
        in = in || (range ? glob[i] <= name[n] && name[n] <= glob[i + 2] : glob[i] == name[n]);
        i += range ? 2 : 0;
      }
      if (in == negated && star == std::string_view::npos) return false;
      if (in == negated)
        g = star + 1, n = ++resume;
      else
        g = close + 1, ++n;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == name[n])) {
      ++g, ++n;
    } else if (star != std::string_view::npos) {
      g = star + 1, n = ++resume;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

}  // namespace dbm::script
