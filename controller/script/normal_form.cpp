#include "script/normal_form.h"

namespace dbm::script {

void NormalForm::token(const Token& token, std::string_view text) {
  switch (token.kind) {
    case TokenKind::Name: {
      const std::size_t from = buffer_.size();
      buffer_.append(text);
      for (std::size_t i = from; i < buffer_.size(); ++i) {
        const char c = buffer_[i];
        buffer_[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      }
      break;
    }
    case TokenKind::String:
      token.continued ? continued(text) : plain(text);
      break;
    case TokenKind::QuotedName:
      plain(text);
      break;
    default:
      buffer_.append(text);
      break;
  }
  end_token();
}

void NormalForm::plain(std::string_view text) {
  if (text.size() >= kFlush && text.find('\r') == std::string_view::npos) {
    flush();
    sha_.update(text);
    return;
  }
  while (true) {
    const std::size_t cr = text.find("\r\n");
    if (cr == std::string_view::npos) break;
    buffer_.append(text.substr(0, cr)).push_back('\n');
    text.remove_prefix(cr + 2);
    flush_if_full();
  }
  buffer_.append(text);
}

/// Drops the blanks and comments between the parts: they are no part of the literal.
void NormalForm::continued(std::string_view text) {
  const std::size_t opening = text.find('\'');
  const bool escapes = opening == 1 && (text[0] | 0x20) == 'e';
  std::size_t part = 0;
  for (std::size_t at = opening + 1; at < text.size();) {
    if (text[at] == '\\' && escapes) {
      at += 2;
    } else if (text[at] != '\'') {
      ++at;
    } else if (at + 1 < text.size() && text[at + 1] == '\'') {
      at += 2;
    } else {
      plain(text.substr(part, at + 1 - part));
      // To the next part's quote, past comments, which may hold quotes of their own.
      for (++at; at < text.size() && text[at] != '\''; ++at) {
        if (text[at] != '-') continue;
        while (at < text.size() && text[at] != '\n' && text[at] != '\r') ++at;
      }
      if (at < text.size()) buffer_.push_back('\n');
      part = at++;
    }
  }
}

void NormalForm::directive(std::string_view word, std::string_view value) {
  buffer_.append("dbm:").append(word).append(" ").append(value);
  end_token();
}

void NormalForm::rows(std::string_view block) {
  plain(block);
  flush_if_full();
}

void NormalForm::flush() {
  sha_.update(buffer_);
  buffer_.clear();
}

std::string NormalForm::checksum() {
  flush();
  return "dbm1-sha256:" + sha_.finish_hex();
}

}  // namespace dbm::script
