#include "base/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/yaml_pieces.h"

namespace dbm::yaml {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostBytes = 4 * 1024 * 1024;
constexpr std::size_t kMostNodes = 100'000;
constexpr std::size_t kDeepest = 100;

/// Thrown out of yaml-cpp's parser by our handler; never leaves this file.
struct Refusal {
  YAML::Mark mark;
  std::string message;
};

bool is_json_number(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const auto from = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - from;
  };
  if (text.starts_with('-')) ++at;
  const bool leading_zero = at < text.size() && text[at] == '0';
  const auto whole = digits();
  if (whole == 0 || (leading_zero && whole > 1)) return false;
  if (at < text.size() && text[at] == '.' && (++at, digits() == 0)) return false;
  if (at < text.size() && (text[at] | 0x20) == 'e') {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

Json plain_scalar(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  if (!is_json_number(text)) return text;
  const char* const end = text.data() + text.size();
  std::int64_t whole = 0;
  if (const auto read = std::from_chars(text.data(), end, whole); read.ec == std::errc{} && read.ptr == end)
    return whole;
  double number = 0;
  const auto read = std::from_chars(text.data(), end, number);
  return read.ec == std::errc{} && std::isfinite(number) ? Json(number) : Json(text);
}

/// Builds JSON from the parser's events, without a tree of yaml-cpp's in between.
class Builder final : public YAML::EventHandler {
 public:
  Builder(const std::string& file, int first_line) : file_(file), first_line_(first_line) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) throw Refusal{mark, "a key must be text"};
    add(mark, nullptr, anchor, false);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) throw Refusal{mark, "an alias cannot stand inside what it refers to"};
    if (expects_key()) throw Refusal{mark, "a key must be written out, not an alias"};
    nodes_ += known->second.nodes - 1;  // add() counts one
    add(mark, known->second.value, 0, false);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    check_tag(mark, tag);
    if (expects_key()) return take_key(mark, tag, text);
    add(mark, tag == "?" ? plain_scalar(text) : Json(text), anchor, true);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Json::array());
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Json::object());
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  [[nodiscard]] Position at(const YAML::Mark& mark) const {
    return {file_, first_line_ + mark.line, mark.column + 1};
  }
  [[nodiscard]] int last_line() const { return first_line_ + last_line_; }
  Document take() {
    Document document;
    *document.value = std::move(root_);
    document.positions = std::move(positions_);
    return document;
  }

 private:
  struct Level {
    Json* container;
    std::string pointer;
    YAML::anchor_t anchor;
    std::size_t nodes_before;
    YAML::Mark opened;
    bool has_key = false;
    std::string key;
    YAML::Mark key_mark{};
    std::map<std::string, int, std::less<>> key_lines;  ///< For lists empty.
  };
  struct Anchored {
    Json value;
    std::size_t nodes;
  };

  [[nodiscard]] bool expects_key() const {
    return !levels_.empty() && levels_.back().container->is_object() && !levels_.back().has_key;
  }

  static void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag != "?" && tag != "!")
      throw Refusal{mark, "tags such as !!str are not supported; quote the text instead"};
  }

  void take_key(const YAML::Mark& mark, const std::string& tag, const std::string& text) {
    if (tag == "?" && text == "<<") throw Refusal{mark, "merge keys (<<) are not supported"};
    Level& level = levels_.back();
    const auto [first, added] = level.key_lines.emplace(text, first_line_ + mark.line);
    if (!added)
      throw Refusal{mark, "key '" + text.substr(0, 80) + "' stands here twice, first in line " +
                              std::to_string(first->second)};
    level.has_key = true;
    level.key = text;
    level.key_mark = mark;
  }

  /// Puts a value where the document has come to and returns its place.
  Json& add(const YAML::Mark& mark, Json value, YAML::anchor_t anchor, bool own_place) {
    last_line_ = mark.line;
    if (++nodes_ > kMostNodes) throw Refusal{mark, "more than 100000 values, aliases expanded"};
    Json* placed = &root_;
    YAML::Mark place = mark;
    pointer_.clear();
    if (levels_.empty()) {
      root_ = std::move(value);
    } else {
      Level& level = levels_.back();
      if (level.container->is_object()) {
        pointer_ = pointer(level.pointer, level.key);
        if (!own_place) place = level.key_mark;
        // Not operator[]: it would look through all keys once more.
        auto& entries = level.container->get_ref<Json::object_t&>();
        placed = &entries.emplace_back(std::move(level.key), std::move(value)).second;
        level.has_key = false;
      } else {
        pointer_ = level.pointer + "/" + std::to_string(level.container->size());
        placed = &level.container->emplace_back(std::move(value));
      }
    }
    positions_.emplace(pointer_, at(place));
    if (anchor != 0 && !placed->is_structured()) remember(mark, anchor, *placed, 1);
    return *placed;
  }

  void remember(const YAML::Mark& mark, YAML::anchor_t anchor, const Json& value, std::size_t nodes) {
    anchored_nodes_ += nodes;  // bounded too, or anchors within anchors would hold a copy each
    if (anchored_nodes_ > kMostNodes) throw Refusal{mark, "more than 100000 values under anchors"};
    anchors_[anchor] = {value, nodes};
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Json container) {
    check_tag(mark, tag);
    if (expects_key()) throw Refusal{mark, "a key must be text"};
    if (levels_.size() >= kDeepest) throw Refusal{mark, "nested deeper than 100 levels"};
    const std::size_t before = nodes_;
    Json& placed = add(mark, std::move(container), 0, false);
    levels_.push_back({&placed, pointer_, anchor, before, mark, false, {}, {}, {}});
  }

  void close() {
    const Level& level = levels_.back();
    if (level.anchor != 0)
      remember(level.opened, level.anchor, *level.container, nodes_ - level.nodes_before);
    levels_.pop_back();
  }

  const std::string& file_;
  int first_line_;
  int last_line_ = 0;
  Json root_;
  Positions positions_;
  std::vector<Level> levels_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::size_t nodes_ = 0;
  std::size_t anchored_nodes_ = 0;
  std::string pointer_;
};

/// yaml-cpp's "yaml-cpp: error at line 1, column 2: …" without its own idea of the place.
std::string words_of(const YAML::Exception& error) {
  return error.msg == YAML::ErrorMsg::INVALID_SCALAR ? "invalid text" : "not YAML: " + error.msg;
}

Result<Document> parse_one(const Piece& piece, const std::string& file) {
  Builder builder{file, piece.line};
  try {
    // yaml-cpp takes a quoted text that is still open after the last line end for closed; not if a comment
    // follows.
    std::istringstream stream{piece.text + "#"};
    YAML::Parser parser{stream};
    if (parser.HandleNextDocument(builder) && parser)
      return refused(file, builder.last_line(), 0,
                     "not YAML: something follows that does not belong to the document");
    if (parser) return refused(file, piece.line, 0, "not YAML");
  } catch (const Refusal& refusal) {
    const Position at = builder.at(refusal.mark);
    return refused(at.file, at.line, at.column, refusal.message);
  } catch (const YAML::Exception& error) {
    if (error.mark.is_null()) return refused(file, piece.line, 0, words_of(error));
    const Position at = builder.at(error.mark);
    return refused(at.file, at.line, at.column, words_of(error));
  }
  return builder.take();
}

}  // namespace

Document::Document() : value(std::make_unique<Json>()) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

std::string pointer(std::string_view parent, std::string_view name) {
  std::string joined{parent};
  joined += '/';
  for (const char c : name) {
    if (c == '~')
      joined += "~0";
    else if (c == '/')
      joined += "~1";
    else
      joined += c;
  }
  return joined;
}

Position position_of(const Positions& positions, const std::string& file, std::string_view pointer) {
  while (true) {
    if (const auto known = positions.find(pointer); known != positions.end()) return known->second;
    if (pointer.empty()) return {file};
    pointer = pointer.substr(0, pointer.rfind('/') == pointer.npos ? 0 : pointer.rfind('/'));
  }
}

Result<std::vector<Document>> parse(std::string_view text, const std::string& file) {
  if (text.size() > kMostBytes) return refused(file, 0, 0, "larger than 4 MiB");
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const auto pieces = split_documents(text, file);
  if (!pieces) return pieces.error();

  std::vector<Document> documents;
  for (const Piece& piece : *pieces) {
    auto document = parse_one(piece, file);
    if (!document) return document.error();
    if (!document->value->is_null()) documents.push_back(std::move(*document));
  }
  return documents;
}

}  // namespace dbm::yaml
