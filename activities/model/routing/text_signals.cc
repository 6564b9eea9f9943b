#include "activities/model/routing/text_signals.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <span>
#include <utility>

namespace dalsegno::activities {
namespace {

using Signal = TextSignal;

constexpr std::array<std::string_view, text_signal_count> names = {
    "length",          "words",          "sentences",
    "sentence_length", "numbers",        "different_numbers",
    "decimals",        "long_numbers",   "number_density",
    "percents",        "money",          "fractions",
    "mathematics",     "code",           "word_length",
    "long_words",      "capitals",       "questions",
    "blanks",          "quotes",         "commas",
    "parentheses",     "lines",          "conditions",
    "negations",       "each_and_every", "comparisons",
    "remainders",      "times",          "rates",
    "reasoning",       "which",          "possibilities",
    "persons",         "statements",     "conjunctions",
    "prepositions",    "articles",       "superlatives",
    "choices",         "choice_length",  "choice_spread",
    "choice_numbers",  "choice_overlap", "question_overlap"};

/// Words that stand for a signal. A word may stand for several.
constexpr std::pair<Signal, std::string_view> marks[] = {
    {Signal::percents, "percent"},
    {Signal::fractions, "half"},
    {Signal::fractions, "third"},
    {Signal::fractions, "thirds"},
    {Signal::fractions, "quarter"},
    {Signal::fractions, "fourth"},
    {Signal::fractions, "twice"},
    {Signal::fractions, "double"},
    {Signal::fractions, "triple"},
    {Signal::code, "def"},
    {Signal::code, "return"},
    {Signal::code, "import"},
    {Signal::code, "const"},
    {Signal::code, "void"},
    {Signal::code, "select"},
    {Signal::conditions, "if"},
    {Signal::conditions, "unless"},
    {Signal::conditions, "when"},
    {Signal::conditions, "then"},
    {Signal::conditions, "suppose"},
    {Signal::conditions, "assume"},
    {Signal::conditions, "assuming"},
    {Signal::negations, "not"},
    {Signal::negations, "except"},
    {Signal::negations, "no"},
    {Signal::negations, "never"},
    {Signal::negations, "cannot"},
    {Signal::negations, "least"},
    {Signal::negations, "neither"},
    {Signal::negations, "without"},
    {Signal::negations, "false"},
    {Signal::each_and_every, "each"},
    {Signal::each_and_every, "every"},
    {Signal::each_and_every, "per"},
    {Signal::each_and_every, "all"},
    {Signal::comparisons, "more"},
    {Signal::comparisons, "less"},
    {Signal::comparisons, "fewer"},
    {Signal::comparisons, "than"},
    {Signal::comparisons, "times"},
    {Signal::comparisons, "many"},
    {Signal::comparisons, "as"},
    {Signal::remainders, "remain"},
    {Signal::remainders, "remaining"},
    {Signal::remainders, "left"},
    {Signal::remainders, "rest"},
    {Signal::remainders, "still"},
    {Signal::times, "time"},
    {Signal::times, "hour"},
    {Signal::times, "hours"},
    {Signal::times, "minute"},
    {Signal::times, "minutes"},
    {Signal::times, "day"},
    {Signal::times, "days"},
    {Signal::times, "week"},
    {Signal::times, "weeks"},
    {Signal::times, "month"},
    {Signal::times, "months"},
    {Signal::times, "year"},
    {Signal::times, "years"},
    {Signal::times, "age"},
    {Signal::times, "old"},
    {Signal::rates, "rate"},
    {Signal::rates, "speed"},
    {Signal::rates, "average"},
    {Signal::rates, "miles"},
    {Signal::rates, "ratio"},
    {Signal::rates, "total"},
    {Signal::reasoning, "prove"},
    {Signal::reasoning, "explain"},
    {Signal::reasoning, "why"},
    {Signal::reasoning, "because"},
    {Signal::reasoning, "therefore"},
    {Signal::reasoning, "derive"},
    {Signal::reasoning, "infer"},
    {Signal::reasoning, "argument"},
    {Signal::reasoning, "conclusion"},
    {Signal::reasoning, "valid"},
    {Signal::reasoning, "step"},
    {Signal::reasoning, "how"},
    {Signal::which, "which"},
    {Signal::which, "following"},
    {Signal::possibilities, "would"},
    {Signal::possibilities, "should"},
    {Signal::possibilities, "could"},
    {Signal::possibilities, "might"},
    {Signal::possibilities, "may"},
    {Signal::persons, "he"},
    {Signal::persons, "his"},
    {Signal::persons, "him"},
    {Signal::persons, "she"},
    {Signal::persons, "her"},
    {Signal::persons, "they"},
    {Signal::persons, "their"},
    {Signal::statements, "statement"},
    {Signal::statements, "statements"},
    {Signal::statements, "i"},
    {Signal::statements, "ii"},
    {Signal::statements, "iii"},
    {Signal::conjunctions, "and"},
    {Signal::conjunctions, "or"},
    {Signal::conjunctions, "both"},
    {Signal::conjunctions, "only"},
    {Signal::prepositions, "of"},
    {Signal::prepositions, "in"},
    {Signal::prepositions, "to"},
    {Signal::prepositions, "for"},
    {Signal::articles, "the"},
    {Signal::articles, "a"},
    {Signal::articles, "an"},
    {Signal::superlatives, "most"},
    {Signal::superlatives, "best"},
    {Signal::superlatives, "primarily"},
    {Signal::superlatives, "main"},
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

double log_of(std::size_t count) { return std::log(1.0 + static_cast<double>(count)); }

double share(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// The words of `text`, in lower case and in their order.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    if (!is_letter(text[at])) {
      ++at;
      continue;
    }
    auto& word = words.emplace_back();
    for (; at < text.size() && (is_letter(text[at]) || text[at] == '\''); ++at)
      word += lower(text[at]);
  }
  return words;
}

/// "12", "3.5", "1,000".
std::vector<std::string_view> numbers_of(std::string_view text) {
  std::vector<std::string_view> numbers;
  for (std::size_t at = 0; at < text.size();) {
    if (!is_digit(text[at])) {
      ++at;
      continue;
    }
    auto const begin = at;
    auto const goes_on = [&] {
      if (is_digit(text[at])) return true;
      return (text[at] == '.' || text[at] == ',') && at + 1 < text.size() && is_digit(text[at + 1]);
    };
    while (at < text.size() && goes_on()) ++at;
    numbers.push_back(text.substr(begin, at - begin));
  }
  return numbers;
}

std::size_t occurrences(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string_view::npos;
       at = text.find(what, at + what.size()))
    ++count;
  return count;
}

std::size_t bytes_among(std::string_view text, std::string_view among) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [&](char c) { return among.find(c) != std::string_view::npos; }));
}

std::size_t sentences_of(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool const ends = text[i] == '.' || text[i] == '!' || text[i] == '?';
    if (ends && (i + 1 == text.size() || text[i + 1] == ' ' || text[i + 1] == '\n')) ++count;
  }
  return count;
}

std::size_t written_fractions(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t i = 1; i + 1 < text.size(); ++i)
    if (text[i] == '/' && is_digit(text[i - 1]) && is_digit(text[i + 1])) ++count;
  return count;
}

/// Of two sets: how much of their union they have in common.
double overlap(std::set<std::string> const& a, std::set<std::string> const& b) {
  if (a.empty() || b.empty()) return 0;
  auto const common = static_cast<std::size_t>(
      std::ranges::count_if(a, [&](std::string const& word) { return b.contains(word); }));
  return share(common, a.size() + b.size() - common);
}

std::set<std::string> set_of_words(std::string_view text) {
  auto const words = words_of(text);
  return {words.begin(), words.end()};
}

/// A question with its four answers.
struct Choices {
  std::string_view question;
  std::array<std::string_view, 4> answers;
};

std::optional<Choices> choices_of(std::string_view text) {
  std::array<std::size_t, 5> begins{};
  std::size_t at = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    std::string const mark = {'\n', static_cast<char>('A' + i), '.', ' '};
    at = text.find(mark, at);
    if (at == std::string_view::npos) return std::nullopt;
    begins[i] = at;
    at += mark.size();
  }
  begins[4] = std::min(text.find('\n', at), text.size());
  Choices choices{.question = text.substr(0, begins[0]), .answers = {}};
  for (std::size_t i = 0; i < 4; ++i)
    choices.answers[i] = text.substr(begins[i] + 4, begins[i + 1] - begins[i] - 4);
  return choices;
}

bool begins_like_a_number(std::string_view answer) {
  return !answer.empty() &&
         (is_digit(answer.front()) || std::string_view("$-.,%/").contains(answer.front()));
}

class Reading {
 public:
  explicit Reading(std::string_view text) : text_(text), words_(words_of(text)) {}

  TextSignals signals() {
    read_size();
    read_numbers();
    read_marks();
    read_words();
    if (auto const choices = choices_of(text_)) read_choices(*choices);
    return values_;
  }

 private:
  double& at(Signal signal) { return values_[static_cast<std::size_t>(signal)]; }

  void read_size() {
    auto const sentences = sentences_of(text_);
    at(Signal::length) = std::log(static_cast<double>(std::max<std::size_t>(1, text_.size())));
    at(Signal::words) = std::log(static_cast<double>(std::max<std::size_t>(1, words_.size())));
    at(Signal::sentences) = log_of(sentences);
    at(Signal::sentence_length) = std::log(1.0 + share(words_.size(), 1 + sentences));
    at(Signal::lines) = log_of(occurrences(text_, "\n"));
  }

  void read_numbers() {
    auto const numbers = numbers_of(text_);
    auto const is_long = [](std::string_view number) { return number.size() > 3; };
    auto const is_decimal = [](std::string_view number) { return number.contains('.'); };
    auto const count = [&](auto const& what) {
      return static_cast<std::size_t>(std::ranges::count_if(numbers, what));
    };
    at(Signal::numbers) = log_of(numbers.size());
    at(Signal::different_numbers) = log_of(std::set(numbers.begin(), numbers.end()).size());
    at(Signal::decimals) = log_of(count(is_decimal));
    at(Signal::long_numbers) = share(count(is_long), 1 + numbers.size());
    at(Signal::number_density) = share(numbers.size(), std::max<std::size_t>(1, words_.size()));
  }

  void read_marks() {
    auto const size = std::max<std::size_t>(1, text_.size());
    at(Signal::money) = log_of(occurrences(text_, "$"));
    at(Signal::mathematics) =
        log_of(bytes_among(text_, "=+*^<>\\~") + occurrences(text_, "\xE2\x88") +
               occurrences(text_, "\xE2\x8A") + occurrences(text_, "\xE2\x86"));
    at(Signal::capitals) =
        share(static_cast<std::size_t>(std::ranges::count_if(text_, is_upper)), size);
    at(Signal::questions) = log_of(occurrences(text_, "?"));
    at(Signal::blanks) = text_.contains("___") ? 1 : 0;
    at(Signal::quotes) = log_of(bytes_among(text_, "\"") + occurrences(text_, "\xE2\x80\x9C"));
    at(Signal::commas) = share(occurrences(text_, ","), std::max<std::size_t>(1, words_.size()));
    at(Signal::parentheses) = log_of(occurrences(text_, "("));
  }

  void read_words() {
    std::array<std::size_t, text_signal_count> counts{};
    std::size_t letters = 0;
    std::size_t long_words = 0;
    for (auto const& word : words_) {
      letters += word.size();
      long_words += word.size() > 8 ? 1 : 0;
      for (auto const& [signal, mark] : marks)
        if (word == mark) ++counts[static_cast<std::size_t>(signal)];
    }
    counts[static_cast<std::size_t>(Signal::percents)] += occurrences(text_, "%");
    counts[static_cast<std::size_t>(Signal::fractions)] += written_fractions(text_);
    counts[static_cast<std::size_t>(Signal::code)] +=
        occurrences(text_, "```") + occurrences(text_, "()") + occurrences(text_, "{") +
        occurrences(text_, "==") + occurrences(text_, ";\n");
    for (std::size_t i = 0; i < counts.size(); ++i)
      if (is_counted(static_cast<Signal>(i))) values_[i] = log_of(counts[i]);
    at(Signal::word_length) = share(letters, words_.size());
    at(Signal::long_words) = share(long_words, words_.size());
  }

  static bool is_counted(Signal signal) {
    return signal == Signal::percents || signal == Signal::fractions || signal == Signal::code ||
           (signal >= Signal::conditions && signal <= Signal::superlatives);
  }

  void read_choices(Choices const& choices) {
    std::array<std::set<std::string>, 4> words;
    double mean = 0;
    double numbers = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      words[i] = set_of_words(choices.answers[i]);
      mean += static_cast<double>(choices.answers[i].size()) / 4;
      numbers += begins_like_a_number(choices.answers[i]) ? 0.25 : 0;
    }
    double variance = 0;
    double common = 0;
    double in_question = 0;
    auto const question = set_of_words(choices.question);
    for (std::size_t i = 0; i < 4; ++i) {
      auto const off = static_cast<double>(choices.answers[i].size()) - mean;
      variance += off * off / 4;
      in_question += overlap(words[i], question) / 4;
      for (std::size_t j = 0; j < i; ++j) common += overlap(words[i], words[j]) / 6;
    }
    at(Signal::choices) = 1;
    at(Signal::choice_length) = std::log(1.0 + mean);
    at(Signal::choice_spread) = std::sqrt(variance) / (1 + mean);
    at(Signal::choice_numbers) = numbers;
    at(Signal::choice_overlap) = common;
    at(Signal::question_overlap) = in_question;
  }

  std::string_view text_;
  std::vector<std::string> words_;
  TextSignals values_{};
};

}  // namespace

std::string_view name_of(TextSignal signal) { return names[static_cast<std::size_t>(signal)]; }

TextSignals text_signals(std::string_view text) {
  return Reading(text.substr(0, max_signal_bytes)).signals();
}

std::vector<std::string> word_stems(std::string_view text) {
  auto words = words_of(text.substr(0, max_signal_bytes));
  for (auto& word : words) {
    std::erase(word, '\'');
    word.resize(std::min<std::size_t>(word.size(), 6));
  }
  std::ranges::sort(words);
  auto const rest = std::ranges::unique(words);
  words.erase(rest.begin(), rest.end());
  return words;
}

}  // namespace dalsegno::activities
