#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::activities {

/// What can be seen of a request's text without understanding it. Names are in configuration,
/// records and complexity.json.
enum class TextSignal : std::uint8_t {
  length,           ///< ln of bytes
  words,            ///< ln of words
  sentences,        ///< ln(1 + …), as are all counts below
  sentence_length,  ///< ln of words in a sentence
  numbers,
  different_numbers,
  decimals,
  long_numbers,    ///< share of numbers with more than three digits
  number_density,  ///< numbers for a word
  percents,
  money,
  fractions,    ///< "1/2", half, twice …
  mathematics,  ///< operators, relations, LaTeX
  code,         ///< fences, braces, calls, keywords
  word_length,  ///< mean, letters
  long_words,   ///< share of words with more than eight letters
  capitals,     ///< share of bytes
  questions,
  blanks,  ///< "___"
  quotes,
  commas,  ///< for a word
  parentheses,
  lines,
  conditions,  ///< if, unless, suppose …
  negations,
  each_and_every,
  comparisons,  ///< more, less, than …
  remainders,   ///< left, rest …
  times,        ///< hours, days, age …
  rates,        ///< speed, ratio, total …
  reasoning,    ///< prove, explain, why, valid …
  which,
  possibilities,  ///< would, could, might …
  persons,        ///< he, her, they …
  statements,     ///< "Statement 1", I, II …
  conjunctions,
  prepositions,
  articles,
  superlatives,
  choices,           ///< 1: answers A to D are given; the rest is 0 where they are not
  choice_length,     ///< ln of bytes, mean
  choice_spread,     ///< how much they differ in length
  choice_numbers,    ///< share that begin like a number
  choice_overlap,    ///< words that the answers have in common
  question_overlap,  ///< words that they have in common with the question
};
inline constexpr std::size_t text_signal_count = 45;
using TextSignals = std::array<double, text_signal_count>;

[[nodiscard]] std::string_view name_of(TextSignal signal);

/// No more of a text is looked at.
inline constexpr std::size_t max_signal_bytes = std::size_t{256} << 10U;

/// Pure; any bytes; time in proportion to them.
[[nodiscard]] TextSignals text_signals(std::string_view text);

/// The words of `text`, each once and sorted: ASCII letters, in lower case, the first six.
[[nodiscard]] std::vector<std::string> word_stems(std::string_view text);

}  // namespace dalsegno::activities
