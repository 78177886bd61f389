#include "thalamus/wire/object_scan.h"

#include "thalamus/base/json_writer.h"

namespace thalamus::wire {
namespace {

// Clients' parsers give up at some depth; no arguments come near it.
constexpr std::size_t kDepthMax = 100;

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_hex(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

}  // namespace

std::size_t ObjectScan::feed(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (complete() || broken_) return i;
    broken_ = !step(bytes[i]);
    if (broken_) return i;
  }
  return bytes.size();
}

bool ObjectScan::go(State next) noexcept {
  state_ = next;
  return true;
}

bool ObjectScan::open(char bracket) {
  if (open_.size() == kDepthMax) return false;
  open_.push_back(bracket);
  return go(bracket == '{' ? State::kFirstKey : State::kFirstElement);
}

bool ObjectScan::close(char bracket) noexcept {
  if (open_.back() != (bracket == '}' ? '{' : '[')) return false;
  open_.pop_back();
  return go(open_.empty() ? State::kEnd : State::kMore);
}

bool ObjectScan::begin_string(bool is_key) noexcept {
  is_key_ = is_key;
  return go(State::kString);
}

bool ObjectScan::begin_value(char c) {
  switch (c) {
    case '"': return begin_string(false);
    case '{':
    case '[': return open(c);
    case '-': return go(State::kMinus);
    case '0': return go(State::kZero);
    case 't': literal_ = "rue"; return go(State::kLiteral);
    case 'f': literal_ = "alse"; return go(State::kLiteral);
    case 'n': literal_ = "ull"; return go(State::kLiteral);
    default: return is_digit(c) && go(State::kWhole);
  }
}

bool ObjectScan::string(char c) noexcept {
  constexpr std::string_view kEscapes = "\"\\/bfnrt";
  switch (state_) {
    case State::kEscape:
      hex_left_ = 4;
      if (c == 'u') return go(State::kHex);
      return kEscapes.find(c) != std::string_view::npos && go(State::kString);
    case State::kHex: return is_hex(c) && (--hex_left_ > 0 || go(State::kString));
    default: break;
  }
  if (c == '"') return go(is_key_ ? State::kColon : State::kMore);
  if (c == '\\') return go(State::kEscape);
  return static_cast<unsigned char>(c) >= 0x20;
}

bool ObjectScan::number(char c) {
  const bool digit = is_digit(c);
  switch (state_) {
    case State::kMinus: return digit && go(c == '0' ? State::kZero : State::kWhole);
    case State::kPoint: return digit && go(State::kFraction);
    case State::kExponent:
      if (c == '+' || c == '-') return go(State::kExponentSign);
      return digit && go(State::kPower);
    case State::kExponentSign: return digit && go(State::kPower);
    case State::kZero:
    case State::kWhole:
      if (c == '.') return go(State::kPoint);
      if (digit && state_ == State::kWhole) return true;
      break;
    default:
      if (digit) return true;
      break;
  }
  if ((c == 'e' || c == 'E') && state_ != State::kPower) return go(State::kExponent);
  state_ = State::kMore;
  return step(c);
}

bool ObjectScan::more(char c) noexcept {
  if (c == ',') return go(open_.back() == '{' ? State::kKey : State::kValue);
  return (c == '}' || c == ']') && close(c);
}

bool ObjectScan::step(char c) {
  switch (state_) {
    case State::kText:
    case State::kEnd: return true;
    case State::kString:
    case State::kEscape:
    case State::kHex: return string(c);
    case State::kMinus:
    case State::kZero:
    case State::kWhole:
    case State::kPoint:
    case State::kFraction:
    case State::kExponent:
    case State::kExponentSign:
    case State::kPower: return number(c);
    case State::kLiteral:
      if (c != literal_.front()) return false;
      literal_.remove_prefix(1);
      return !literal_.empty() || go(State::kMore);
    default: break;
  }
  if (is_space(c)) return true;
  switch (state_) {
    case State::kStart: return c == '{' ? open(c) : go(State::kText);
    case State::kFirstKey: return c == '}' ? close(c) : c == '"' && begin_string(true);
    case State::kKey: return c == '"' && begin_string(true);
    case State::kColon: return c == ':' && go(State::kValue);
    case State::kFirstElement: return c == ']' ? close(c) : begin_value(c);
    case State::kValue: return begin_value(c);
    default: return more(c);
  }
}

std::string ObjectScan::ending(std::string_view name, std::string_view value) const {
  std::string out;
  bool after_comma = false;  // or at the begin of an object: a member may follow
  switch (state_) {
    case State::kHex: out.assign(hex_left_, '0'); [[fallthrough]];
    case State::kString: out += '"'; break;
    case State::kEscape: out += "\\\""; break;
    case State::kMinus:
    case State::kPoint:
    case State::kExponent:
    case State::kExponentSign: out += '0'; break;
    case State::kLiteral: out += literal_; break;
    case State::kColon: out += ":null"; break;
    case State::kValue: out += "null"; break;
    case State::kFirstKey: after_comma = true; break;
    case State::kKey:
      after_comma = open_.size() == 1;
      if (!after_comma) out += "\"\":null";
      break;
    default: break;
  }
  const bool in_string = state_ == State::kString || state_ == State::kEscape || state_ == State::kHex;
  if (in_string && is_key_) out += ":null";
  for (std::size_t depth = open_.size(); depth > 1; --depth) {
    out += open_[depth - 1] == '{' ? '}' : ']';
    after_comma = false;
  }
  if (!after_comma) out += ',';
  base::append_json_string(out, name);
  out += ':';
  base::append_json_string(out, value);
  return out += '}';
}

}  // namespace thalamus::wire
