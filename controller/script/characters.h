#pragma once
/// What a byte is to PostgreSQL's scanner. Internal to the lexer.

#include <array>

namespace dbm::script {

enum class Class : unsigned char { Other, Blank, NameStart, Digit, Operator, Semicolon, Open, Close };

constexpr std::array<Class, 256> make_classes() {
  std::array<Class, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
    if (letter) classes[c] = Class::NameStart;
    if (c >= '0' && c <= '9') classes[c] = Class::Digit;
  }
  for (const char c : {' ', '\t', '\n', '\r', '\f', '\v'})
    classes[static_cast<unsigned char>(c)] = Class::Blank;
  for (const char c : {'~', '!', '@', '#', '^', '&', '|', '`', '?', '+', '-', '*', '/', '%', '<', '>', '='})
    classes[static_cast<unsigned char>(c)] = Class::Operator;
  classes[';'] = Class::Semicolon;
  classes['('] = Class::Open;
  classes[')'] = Class::Close;
  return classes;
}

inline constexpr std::array<Class, 256> kClasses = make_classes();

constexpr Class class_of(char c) { return kClasses[static_cast<unsigned char>(c)]; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace dbm::script
