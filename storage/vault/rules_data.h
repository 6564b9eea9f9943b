#pragma once

// The data files of rules/, as the build has put them into the program (rules_data.cc.in).

#include <string_view>

namespace dalsegno::vault {

extern std::string_view const tokens_json;
extern std::string_view const numbers_json;
extern std::string_view const finance_json;
extern std::string_view const fields_json;

}  // namespace dalsegno::vault
