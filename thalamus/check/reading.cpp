#include "thalamus/check/reading.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "thalamus/base/text.h"
#include "thalamus/check/normalise.h"

namespace thalamus::check {
namespace {

constexpr std::size_t kMarkersMax = 64;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
bool is_word(char c) noexcept {
  return is_digit(c) || is_upper(c) || (c >= 'a' && c <= 'z') || (static_cast<unsigned char>(c) & 0x80U) != 0;
}

/// The part of a line that is one statement: up to a sentence's end. "3.5", "B. Paris" and "Dr. Moss" do not end one.
std::string_view first_sentence(std::string_view text) noexcept {
  for (std::size_t i = 1; i + 2 < text.size(); ++i) {
    if ((text[i] != '.' && text[i] != '!' && text[i] != '?') || text[i + 1] != ' ') continue;
    std::size_t begin = i;
    while (begin > 0 && is_word(text[begin - 1])) --begin;
    const std::string_view word = text.substr(begin, i - begin);
    const bool initial = word.size() == 1 && !is_digit(word[0]);
    const bool title = word == "Dr" || word == "Mr" || word == "Mrs" || word == "Ms" || word == "St";
    if (initial || title) continue;
    return text.substr(0, i);
  }
  return text;
}

struct Phrase {
  std::string_view words;
  Marker marker;
  bool needs_link;  ///< must be followed by ":", "is", "=" or "would be"
};

constexpr std::array kPhrases = {
    Phrase{"final answer", Marker::kFinal, true},    Phrase{"####", Marker::kFinal, false},
    Phrase{"answer", Marker::kAnswer, true},         Phrase{"correct option", Marker::kAnswer, true},
    Phrase{"correct choice", Marker::kAnswer, true}, Phrase{"result", Marker::kResult, true},
    Phrase{"output", Marker::kResult, true},
};

/// Where the value begins after a marker phrase, or npos if no link word follows.
std::size_t after_link(std::string_view lower, std::size_t position) noexcept {
  const auto skip_spaces = [&] {
    while (position < lower.size() && lower[position] == ' ') ++position;
  };
  skip_spaces();
  // "the answer to the question is X": up to 80 characters, within the sentence.
  if (lower.substr(position).starts_with("to ") || lower.substr(position).starts_with("of ") ||
      lower.substr(position).starts_with("for ")) {
    const auto link = lower.substr(position, 80).find(" is ");
    const auto stop = lower.substr(position, 80).find_first_of(".?!\n");
    if (link == std::string_view::npos || (stop != std::string_view::npos && stop < link))
      return std::string_view::npos;
    position += link + 1;
  }
  for (const std::string_view link : {"would be", "should be", "must be", "is", "was", ":", "=", "->"}) {
    if (!lower.substr(position).starts_with(link)) continue;
    const std::size_t end = position + link.size();
    if (is_word(link.back()) && end < lower.size() && is_word(lower[end])) continue;
    position = end;
    skip_spaces();
    while (position < lower.size() && (lower[position] == ':' || lower[position] == '=')) ++position;
    skip_spaces();
    return position;
  }
  return std::string_view::npos;
}

void add_marked(Reading& reading, Marker marker, std::string_view value) {
  const std::string_view trimmed = base::trim(value);
  if (trimmed.empty() || marker < reading.marker || reading.marked.size() >= kMarkersMax) return;
  if (marker > reading.marker || marker == Marker::kResult) reading.marked.clear();
  reading.marker = marker;
  const std::string key = normalise(trimmed);
  for (const auto& other : reading.marked)
    if (normalise(other) == key) return;
  reading.marked.emplace_back(trimmed);
}

void find_boxed(Reading& reading) {
  constexpr std::string_view kBoxed = "boxed{";
  const std::string_view text = reading.text;
  std::size_t left = kMarkersMax;
  for (auto at = text.find(kBoxed); at != std::string_view::npos && left > 0; at = text.find(kBoxed, at + 1), --left) {
    std::size_t depth = 1;
    std::size_t end = at + kBoxed.size();
    const std::size_t limit = std::min(text.size(), end + 1024);
    while (end < limit && depth > 0) {
      if (text[end] == '{') ++depth;
      if (text[end] == '}') --depth;
      ++end;
    }
    if (depth == 0) add_marked(reading, Marker::kBoxed, text.substr(at + kBoxed.size(), end - 1 - at - kBoxed.size()));
  }
}

void find_phrases(Reading& reading) {
  for (std::size_t row = 0; row < reading.lines.size(); ++row) {
    const std::string& line = reading.lines[row];
    const std::string lower = base::lower_ascii(line);
    for (const auto& phrase : kPhrases) {
      std::size_t left = kMarkersMax;
      for (auto at = lower.find(phrase.words); at != std::string::npos && left > 0;
           at = lower.find(phrase.words, at + 1), --left) {
        if (at > 0 && is_word(lower[at - 1])) continue;
        std::size_t begin = at + phrase.words.size();
        if (phrase.needs_link) begin = after_link(lower, begin);
        if (begin == std::string::npos) continue;
        std::string_view value = std::string_view(line).substr(std::min(begin, line.size()));
        if (base::trim(value).empty() && row + 1 < reading.lines.size()) value = reading.lines[row + 1];
        add_marked(reading, phrase.marker, first_sentence(value));
      }
    }
  }
}

/// A line that opens a comment on the result rather than being it.
bool opens_explanation(std::string_view line) {
  const std::string lower = base::lower_ascii(line.substr(0, 32));
  for (const std::string_view word :
       {"explanation", "reasoning", "reason", "note", "here's why", "why", "justification"})
    if (lower.starts_with(word) && lower.size() > word.size() && (lower[word.size()] == ':' || lower == word))
      return true;
  return false;
}

void split_lines(Reading& reading, const std::string& emphasised) {
  std::string kept;
  for (const auto line : base::split(emphasised, '\n')) {
    std::string plain(base::trim(without_emphasis(base::trim(line))));
    if (plain.empty()) continue;
    if (!reading.lines.empty() && opens_explanation(plain)) break;
    if (!kept.empty()) kept.push_back('\n');
    kept += plain;
    reading.last_line_emphasised = std::string(base::trim(line));
    reading.lines.push_back(std::move(plain));
  }
  reading.text = std::move(kept);
}

void find_fences(Reading& reading, std::string_view answer) {
  std::string content;
  bool inside = false;
  for (const auto line : base::split(answer, '\n')) {
    const auto trimmed = base::trim(line);
    if (trimmed.starts_with("```") || trimmed.starts_with("~~~")) {
      if (trimmed.size() > 3 && trimmed.substr(3).ends_with("```")) continue;
      if (inside) reading.fenced.push_back(content);
      content.clear();
      inside = !inside;
    } else if (inside) {
      if (!content.empty()) content.push_back('\n');
      content += line;
    }
  }
  if (inside && !base::trim(content).empty()) reading.fenced.push_back(content);  // a fence cut off by the token limit
}

}  // namespace

Reading read_answer(std::string_view answer) {
  Reading reading;
  find_fences(reading, without_thinking(bounded_answer(answer)));
  split_lines(reading, plain_text_with_emphasis(answer));
  find_boxed(reading);
  find_phrases(reading);
  return reading;
}

bool contains_word(std::string_view text, std::string_view item) noexcept {
  if (item.empty()) return false;
  for (auto at = text.find(item); at != std::string_view::npos; at = text.find(item, at + 1)) {
    const std::size_t end = at + item.size();
    const bool left_free = at == 0 || !is_word(text[at - 1]) || !is_word(item.front());
    const bool right_free = end == text.size() || !is_word(text[end]) || !is_word(item.back());
    if (left_free && right_free) return true;
  }
  return false;
}

std::string_view without_bullet(std::string_view line, bool& had_bullet) noexcept {
  had_bullet = false;
  line = base::trim(line);
  if (line.size() > 2 && (line[0] == '-' || line[0] == '*' || line[0] == '+') && line[1] == ' ') {
    had_bullet = true;
    return base::trim(line.substr(2));
  }
  std::size_t digits = 0;
  while (digits < line.size() && digits < 3 && is_digit(line[digits])) ++digits;
  if (digits > 0 && digits + 2 < line.size() && (line[digits] == '.' || line[digits] == ')') &&
      line[digits + 1] == ' ') {
    had_bullet = true;
    return base::trim(line.substr(digits + 2));
  }
  return line;
}

std::vector<std::string> bold_spans(std::string_view line) {
  std::vector<std::string> spans;
  for (const std::string_view mark : {"**", "__"}) {
    std::size_t begin = line.find(mark);
    while (begin != std::string_view::npos && spans.size() < kMarkersMax) {
      const std::size_t end = line.find(mark, begin + mark.size());
      if (end == std::string_view::npos) break;
      spans.emplace_back(base::trim(line.substr(begin + mark.size(), end - begin - mark.size())));
      begin = line.find(mark, end + mark.size());
    }
  }
  return spans;
}

std::string excerpt(std::string_view text) {
  constexpr std::size_t kLengthMax = 60;
  if (text.size() <= kLengthMax) return "'" + std::string(text) + "'";
  std::size_t end = kLengthMax - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;
  return "'" + std::string(text.substr(0, end)) + "...'";
}

}  // namespace thalamus::check
