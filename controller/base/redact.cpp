#include "base/redact.h"

#include <algorithm>
#include <cctype>
#include <deque>
#include <vector>

#include "base/digest.h"
#include "base/guarded.h"

namespace dbm::redact {
namespace {

constexpr std::size_t kShortest = 4;
/// Tokens that live an hour come again and again; the oldest go.
constexpr std::size_t kMostForms = 16'384;

Guarded<std::deque<std::string>>& known_forms() {
  static Guarded<std::deque<std::string>> forms;
  return forms;
}

std::string percent_encode(std::string_view text, const char* digits) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      encoded += c;
    } else {
      encoded += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return encoded;
}

std::string percent_decode(std::string_view text) {
  const auto value = [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0 ? c - '0' : (c | 0x20) - 'a' + 10;
  };
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() &&
                        std::isxdigit(static_cast<unsigned char>(text[i + 1])) != 0 &&
                        std::isxdigit(static_cast<unsigned char>(text[i + 2])) != 0;
    decoded += escape ? static_cast<char>(value(text[i + 1]) * 16 + value(text[i + 2])) : text[i];
    if (escape) i += 2;
  }
  return decoded;
}

/// The password of "scheme://user:password@host", as written; empty when there is none.
std::string_view password_of_url(std::string_view text) {
  const auto scheme = text.find("://");
  if (scheme == text.npos) return {};
  const auto authority = text.substr(scheme + 3, text.find_first_of("/?#", scheme + 3) - scheme - 3);
  const auto at = authority.rfind('@');
  const auto colon = authority.find(':');
  if (at == authority.npos || colon == authority.npos || colon > at) return {};
  return authority.substr(colon + 1, at - colon - 1);
}

std::vector<std::string> forms_of(std::string_view secret) {
  std::string base64 = to_base64(secret);
  base64.erase(std::find(base64.begin(), base64.end(), '='),
               base64.end());  // found with and without its padding
  std::string base64_url = base64;
  std::replace(base64_url.begin(), base64_url.end(), '+', '-');
  std::replace(base64_url.begin(), base64_url.end(), '/', '_');
  return {std::string(secret), percent_encode(secret, "0123456789ABCDEF"),
          percent_encode(secret, "0123456789abcdef"), std::move(base64), std::move(base64_url)};
}

std::string_view without_line_end(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

void remember_forms(std::string_view secret) {
  secret = without_line_end(secret);
  if (secret.size() < kShortest) return;
  known_forms().with([&](std::deque<std::string>& forms) {
    for (std::string& form : forms_of(secret)) {
      const auto known = std::find(forms.begin(), forms.end(), form);
      if (known != forms.end()) forms.erase(known);  // in use: it becomes the newest again
      forms.push_back(std::move(form));
    }
    while (forms.size() > kMostForms) forms.pop_front();
  });
}

}  // namespace

void remember(std::string_view secret) {
  remember_forms(secret);
  const auto password = password_of_url(secret);
  remember_forms(password);
  remember_forms(percent_decode(password));
}

std::string scrub(std::string text) {
  struct Range {
    std::size_t begin, end;
  };
  std::vector<Range> hidden;
  known_forms().with([&](const std::deque<std::string>& forms) {
    for (const std::string& form : forms) {
      for (auto at = text.find(form); at != text.npos; at = text.find(form, at + 1))
        hidden.push_back({at, at + form.size()});
    }
  });
  if (hidden.empty()) return text;

  // Secrets may overlap in the text; what any of them covers goes.
  std::sort(hidden.begin(), hidden.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
  std::string clean;
  std::size_t copied = 0;
  for (const Range& range : hidden) {
    if (range.begin >= copied) {
      clean.append(text, copied, range.begin - copied);
      clean += "[redacted]";
    }
    copied = std::max(copied, range.end);
  }
  clean.append(text, copied);
  return clean;
}

}  // namespace dbm::redact
