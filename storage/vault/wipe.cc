#include "storage/vault/wipe.h"

#include <openssl/crypto.h>

namespace dalsegno::vault {

void wipe(std::string& secret) { OPENSSL_cleanse(secret.data(), secret.size()); }

}  // namespace dalsegno::vault
