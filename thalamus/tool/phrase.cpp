#include "thalamus/tool/phrase.h"

#include <algorithm>
#include <utility>

#include "thalamus/base/assert.h"
#include "thalamus/base/text.h"

namespace thalamus::tool {
namespace {

constexpr int kStepsMax = 4000;
constexpr int kOffersMax = 48;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

/// FNV-1a.
std::uint32_t word_hash(std::string_view text) noexcept {
  std::uint32_t hash = 2'166'136'261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619U;
  return hash ^ (hash >> 15);
}

struct Symbol {
  std::string_view bytes;
  std::string_view normal;
};

/// Signs outside ASCII that have a plain form.
constexpr Symbol kSymbols[] = {
    {"×", "*"}, {"·", "*"}, {"⋅", "*"}, {"∙", "*"},  {"÷", "/"}, {"∕", "/"}, {"⁄", "/"}, {"−", "-"},      {"–", "-"},
    {"—", "—"}, {"√", "√"}, {"∛", "∛"}, {"²", "²"},  {"³", "³"}, {"°", "°"}, {"º", "°"}, {"℃", "℃"},      {"℉", "℉"},
    {"’", "'"}, {"‘", "'"}, {"∪", "∪"}, {"∩", "∩"},  {"→", "→"}, {"≈", "≈"}, {"…", "…"}, {"“", "\""},     {"”", "\""},
    {"«", "«"}, {"»", "»"}, {"•", "•"}, {"∖", "\\"}, {"½", "½"}, {"¼", "¼"}, {"¾", "¾"}, {"\u00a0", " "},
};

const Symbol* symbol_at(std::string_view text, std::size_t at) noexcept {
  if ((static_cast<unsigned char>(text[at]) & 0x80U) == 0) return nullptr;
  for (const Symbol& symbol : kSymbols) {
    if (text.substr(at, symbol.bytes.size()) == symbol.bytes) return &symbol;
  }
  return nullptr;
}

/// Splits one text. Bytes above 127 that are no known sign belong to words.
class Tokeniser {
 public:
  explicit Tokeniser(std::string_view text) : text_(text) {}

  std::optional<std::vector<Token>> all() {
    tokens_.reserve(std::min(Phrase::kTokensMax, text_.size() / 4 + 4));
    while (true) {
      bool spaced = at_ == 0;
      bool new_line = false;
      skip_space(spaced, new_line);
      if (at_ >= text_.size()) return std::move(tokens_);
      if (tokens_.size() >= Phrase::kTokensMax) return std::nullopt;
      Token token;
      token.spaced = spaced;
      token.new_line = new_line;
      token.begin = static_cast<std::uint32_t>(at_);
      read(token);
      if (token.kind != TokenKind::kQuoted) token.hash = word_hash(token.lower);
      token.end = static_cast<std::uint32_t>(at_);
      tokens_.push_back(std::move(token));
    }
  }

 private:
  void skip_space(bool& spaced, bool& new_line) {
    while (at_ < text_.size()) {
      if (text_.substr(at_, 2) == "\u00a0") {
        at_ += 2;
      } else if (is_space(text_[at_])) {
        new_line = new_line || text_[at_] == '\n';
        ++at_;
      } else {
        return;
      }
      spaced = true;
    }
  }

  void read(Token& token) {
    const char c = text_[at_];
    const bool after_digit = !tokens_.empty() && tokens_.back().kind == TokenKind::kNumber && !token.spaced;
    if (is_digit(c) || (c == '.' && digit_at(at_ + 1) && !after_digit)) return read_number(token);
    if (read_quoted(token)) return;
    const bool times = after_digit && (c == 'x' || c == 'X') && digit_at(at_ + 1);  // 17x23
    if (!times && is_word_at(at_)) return read_word(token);
    token.kind = TokenKind::kSymbol;
    if (const Symbol* symbol = symbol_at(text_, at_); symbol != nullptr) {
      token.lower = symbol->normal;
      at_ += symbol->bytes.size();
    } else if (text_.substr(at_, 2) == "**") {
      token.lower = "^";
      at_ += 2;
    } else {
      token.lower = times ? "*" : std::string(1, c);
      ++at_;
    }
  }

  [[nodiscard]] bool digit_at(std::size_t at) const noexcept { return at < text_.size() && is_digit(text_[at]); }
  [[nodiscard]] bool is_word_at(std::size_t at) const noexcept {
    if (at >= text_.size()) return false;
    if (is_letter(text_[at]) || text_[at] == '_') return true;
    return (static_cast<unsigned char>(text_[at]) & 0x80U) != 0 && symbol_at(text_, at) == nullptr;
  }

  void read_number(Token& token) {
    const std::size_t begin = at_;
    token.kind = TokenKind::kNumber;
    if (text_[at_] == '0' && at_ + 2 < text_.size() && (text_[at_ + 1] | 0x20) == 'x' && is_hex(text_[at_ + 2]) &&
        at_ + 1 < text_.size()) {
      token.kind = TokenKind::kWord;
      at_ += 2;
      while (at_ < text_.size() && is_hex(text_[at_])) ++at_;
      token.lower = base::lower_ascii(text_.substr(begin, at_ - begin));
      return;
    }
    while (digit_at(at_)) ++at_;
    // Thousands: only if every group has three digits and the first group at most three.
    std::size_t grouped = at_;
    if (at_ - begin <= 3) {
      while (grouped < text_.size() && text_[grouped] == ',' && digit_at(grouped + 1) && digit_at(grouped + 2) &&
             digit_at(grouped + 3) && !digit_at(grouped + 4)) {
        grouped += 4;
      }
    }
    if (is_grouped_integer(text_.substr(begin, grouped - begin))) at_ = grouped;
    if (at_ + 1 < text_.size() && text_[at_] == '.' && digit_at(at_ + 1)) {
      ++at_;
      while (digit_at(at_)) ++at_;
    }
    if (at_ < text_.size() && (text_[at_] | 0x20) == 'e') {
      std::size_t e = at_ + 1;
      if (e < text_.size() && (text_[e] == '+' || text_[e] == '-')) ++e;
      if (digit_at(e)) {
        at_ = e;
        while (digit_at(at_)) ++at_;
      }
    }
    token.lower = base::lower_ascii(text_.substr(begin, at_ - begin));
  }

  static bool is_hex(char c) noexcept { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

  /// Typographic and straight quotation marks; an apostrophe opens only after a space and closes before a non-letter.
  bool read_quoted(Token& token) {
    const char first = text_[at_];
    const bool ascii = (static_cast<unsigned char>(first) & 0x80U) == 0;
    if (ascii && first != '"' && first != '\'' && first != '`') return false;
    const std::string_view rest = text_.substr(at_);
    std::string_view open;
    std::string_view close;
    constexpr std::pair<std::string_view, std::string_view> kPairs[] = {{"\"", "\""}, {"“", "”"}, {"«", "»"},
                                                                        {"`", "`"},   {"‘", "’"}, {"'", "'"}};
    std::size_t kind = 0;
    for (; kind < std::size(kPairs) && open.empty(); ++kind) {
      if (!rest.starts_with(kPairs[kind].first)) continue;
      open = kPairs[kind].first;
      close = kPairs[kind].second;
    }
    if (open.empty()) return false;
    const bool single = open == "'" || open == "‘";
    if (single && at_ > 0 && (is_letter(text_[at_ - 1]) || is_digit(text_[at_ - 1]))) return false;
    const std::size_t begin = at_ + open.size();
    // A quotation ends in its paragraph. Where one search found no end, later ones need not search again.
    if (at_ >= paragraph_end_ || paragraph_end_ == 0) paragraph_end_ = std::min(text_.find("\n\n", at_), text_.size());
    const std::string_view paragraph = text_.substr(0, paragraph_end_);
    std::size_t& closed_until = unclosed_[kind];
    if (begin < closed_until) return false;
    for (std::size_t end = paragraph.find(close, begin); end != std::string_view::npos;
         end = paragraph.find(close, end + 1)) {
      const std::size_t after = end + close.size();
      const bool one_character = end == begin + 1;
      if (single && !one_character && after < text_.size() && (is_letter(text_[after]) || is_digit(text_[after]))) {
        continue;
      }
      if (end == begin) return false;
      token.kind = TokenKind::kQuoted;
      token.lower = std::string(text_.substr(begin, end - begin));
      at_ = after;
      return true;
    }
    closed_until = paragraph_end_;
    return false;
  }

  void read_word(Token& token) {
    token.kind = TokenKind::kWord;
    const std::size_t begin = at_;
    std::string& word = token.lower;
    while (at_ < text_.size()) {
      if (is_word_at(at_) || digit_at(at_)) {
        const char c = text_[at_++];
        word.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
        continue;
      }
      const std::size_t mark = text_[at_] == '\'' ? 1 : (text_.substr(at_, 3) == "’" ? 3 : 0);
      if (mark == 0 || at_ + mark >= text_.size() || !is_letter(text_[at_ + mark])) break;
      word.push_back('\'');
      at_ += mark;
    }
    // "a.m." and "p.m." are one word.
    if ((token.lower == "a" || token.lower == "p") && base::lower_ascii(text_.substr(at_, 2)) == ".m" &&
        at_ == begin + 1) {
      token.lower += "m";
      at_ += 2;
      if (at_ < text_.size() && text_[at_] == '.') ++at_;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t paragraph_end_ = 0;
  std::array<std::size_t, 7> unclosed_{};  ///< by kind of quotation: none before this place
  std::vector<Token> tokens_;
};

void ends_any(const Phrase&, std::uint32_t begin, std::uint32_t limit, std::vector<std::uint32_t>& ends) {
  for (std::uint32_t end = begin + 1; end <= limit; ++end) ends.push_back(end);
}

void ends_word(const Phrase& phrase, std::uint32_t begin, std::uint32_t, std::vector<std::uint32_t>& ends) {
  if (phrase[begin].kind == TokenKind::kWord) ends.push_back(begin + 1);
}

void ends_quoted(const Phrase& phrase, std::uint32_t begin, std::uint32_t, std::vector<std::uint32_t>& ends) {
  if (phrase[begin].kind == TokenKind::kQuoted) ends.push_back(begin + 1);
}

void ends_number(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit, std::vector<std::uint32_t>& ends) {
  if (const auto number = match_number(phrase, begin, limit); number.has_value()) ends.push_back(number->end);
}

constexpr SlotType kBuiltinTypes[] = {{"any", ends_any}, {"word", ends_word}, {"q", ends_quoted}, {"n", ends_number}};

}  // namespace

std::optional<Phrase> Phrase::read(std::string text) {
  if (!base::is_valid_utf8(text)) return std::nullopt;
  Phrase phrase;
  phrase.text_ = std::move(text);
  auto tokens = Tokeniser(phrase.text_).all();
  if (!tokens.has_value()) return std::nullopt;
  phrase.tokens_ = *std::move(tokens);
  return phrase;
}

std::string_view Phrase::slice(std::size_t begin, std::size_t end) const noexcept {
  if (begin >= end) return {};
  return std::string_view(text_).substr(tokens_[begin].begin, tokens_[end - 1].end - tokens_[begin].begin);
}

Pattern::Pattern(std::string_view source, std::span<const SlotType> types) {
  std::size_t position = 0;
  compile(source, position, types);
  THALAMUS_ASSERT(position == source.size());
  program_.push_back({});
  collect_first(0, 0);
}

/// Follows every path from `counter` to the first word, slot or end.
void Pattern::collect_first(std::size_t counter, int depth) {
  constexpr int kNestingMax = 400;
  THALAMUS_ASSERT(depth < kNestingMax);
  const Instruction& instruction = program_[counter];
  switch (instruction.operation) {
    case Operation::kText: {
      const std::uint32_t hash = word_hash(instruction.text);
      first_low_ |= std::uint64_t{1} << (hash & 63U);
      first_high_ |= std::uint64_t{1} << ((hash >> 6) & 63U);
      return;
    }
    case Operation::kSplit:
    case Operation::kJump:
      for (const std::uint16_t target : instruction.targets) collect_first(target, depth + 1);
      return;
    case Operation::kSlot:
    case Operation::kEnd: first_low_ = first_high_ = ~std::uint64_t{0};
  }
}

/// Compiles until the end of the source or of the alternative.
void Pattern::compile(std::string_view source, std::size_t& position, std::span<const SlotType> types) {
  while (position < source.size()) {
    const char c = source[position];
    if (c == ' ') {
      ++position;
    } else if (c == ')' || c == ']' || c == '|') {
      return;
    } else if (c == '(' || c == '[') {
      compile_group(source, position, types);
    } else if (c == '<') {
      compile_slot(source, position, types);
    } else {
      const auto end = std::min(source.find_first_of(" ()[]|<", position), source.size());
      Instruction text;
      text.operation = Operation::kText;
      text.text = source.substr(position, end - position);
      if (text.text == "{" || text.text == "}") text.text = text.text == "{" ? "(" : ")";
      program_.push_back(std::move(text));
      position = end;
    }
  }
}

void Pattern::compile_group(std::string_view source, std::size_t& position, std::span<const SlotType> types) {
  const char close = source[position] == '(' ? ')' : ']';
  const std::size_t split = program_.size();
  program_.push_back({});
  program_[split].operation = Operation::kSplit;
  std::vector<std::size_t> jumps;
  do {
    ++position;
    program_[split].targets.push_back(static_cast<std::uint16_t>(program_.size()));
    compile(source, position, types);
    THALAMUS_ASSERT(position < source.size());
    jumps.push_back(program_.size());
    program_.push_back({});
    program_.back().operation = Operation::kJump;
  } while (source[position] == '|');
  THALAMUS_ASSERT(source[position] == close);
  ++position;
  const auto after = static_cast<std::uint16_t>(program_.size());
  for (const std::size_t jump : jumps) program_[jump].targets.push_back(after);
  if (close == ']') program_[split].targets.push_back(after);
}

void Pattern::compile_slot(std::string_view source, std::size_t& position, std::span<const SlotType> types) {
  const auto end = source.find('>', position);
  THALAMUS_ASSERT(end != std::string_view::npos);
  const std::string_view body = source.substr(position + 1, end - position - 1);
  position = end + 1;
  const auto space = body.find(' ');
  THALAMUS_ASSERT(space + 2 == body.size());
  Instruction slot;
  slot.operation = Operation::kSlot;
  slot.slot = body.back();
  const auto find = [&](std::span<const SlotType> table) {
    for (const SlotType& type : table) {
      if (type.name == body.substr(0, space)) slot.ends = type.ends;
    }
  };
  find(kBuiltinTypes);
  find(types);
  THALAMUS_ASSERT(slot.ends != nullptr && slot.slot >= 'a' && slot.slot <= 'z');
  program_.push_back(std::move(slot));
}

struct Pattern::Run {
  const Phrase& phrase;
  std::uint32_t end;
  const Accept& accept;
  Captures captures{};
  int steps = 0;
  int offers = 0;
  std::optional<std::uint32_t> prefix_end{};  ///< where a prefix match stopped
  bool is_prefix = false;
};

bool Pattern::match(const Phrase& phrase, std::uint32_t begin, std::uint32_t end, const Accept& accept) const {
  if (begin >= end || !may_begin(phrase[begin])) return false;
  Run state{phrase, end, accept};
  return run(state, 0, begin);
}

std::optional<std::uint32_t> Pattern::match_prefix(const Phrase& phrase, std::uint32_t begin, std::uint32_t end) const {
  if (begin >= end || !may_begin(phrase[begin])) return std::nullopt;
  const Accept none;
  Run state{phrase, end, none};
  state.is_prefix = true;
  return run(state, 0, begin) ? state.prefix_end : std::nullopt;
}

bool Pattern::run(Run& state, std::uint16_t counter, std::uint32_t position) const {
  while (true) {
    if (++state.steps > kStepsMax) return false;
    const Instruction& instruction = program_[counter];
    switch (instruction.operation) {
      case Operation::kText:
        if (position >= state.end || !state.phrase.is(position, instruction.text)) return false;
        ++position;
        ++counter;
        break;
      case Operation::kJump: counter = instruction.targets[0]; break;
      case Operation::kSplit:
        for (const std::uint16_t target : instruction.targets) {
          if (run(state, target, position)) return true;
        }
        return false;
      case Operation::kSlot: {
        if (position >= state.end) return false;
        std::vector<std::uint32_t> ends;
        const bool last = !state.is_prefix && program_[counter + 1U].operation == Operation::kEnd;
        if (last && instruction.ends == ends_any) {
          ends.push_back(state.end);  // nothing else could match
        } else {
          instruction.ends(state.phrase, position, state.end, ends);
        }
        for (const std::uint32_t end : ends) {
          if (end > state.end) continue;
          state.captures.set(instruction.slot, {position, end});
          if (run(state, static_cast<std::uint16_t>(counter + 1), end)) return true;
          if (state.steps > kStepsMax) return false;
        }
        state.captures.set(instruction.slot, {});
        return false;
      }
      case Operation::kEnd:
        if (state.is_prefix) {
          state.prefix_end = position;
          return true;
        }
        if (position != state.end || ++state.offers > kOffersMax) return false;
        return state.accept(state.captures);
    }
  }
}

}  // namespace thalamus::tool
