#include "tests/activities/http/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

namespace dalsegno::http::test {
namespace {

using File = std::unique_ptr<std::FILE, decltype(&std::fclose)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using X = std::unique_ptr<X509, decltype(&X509_free)>;

void demand(bool holds, char const* what) {
  if (!holds) throw std::runtime_error(std::string("OpenSSL: ") + what);
}

File open(std::filesystem::path const& path, char const* mode) {
  File file(std::fopen(path.c_str(), mode), &std::fclose);
  demand(file != nullptr, "cannot open a file");
  return file;
}

void extend(X509* certificate, X509* issuer, int kind, std::string const& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  auto* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  demand(extension != nullptr, "extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

Certificate make_certificate(std::filesystem::path const& folder,
                             std::string const& file,
                             CertificateRequest const& request,
                             Certificate const* authority) {
  static long serial = 1'000;
  Key const key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  X const certificate(X509_new(), &X509_free);
  demand(key != nullptr && certificate != nullptr, "key");
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()),
                  duration_cast<seconds>(request.from).count());
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()),
                  duration_cast<seconds>(request.until).count());
  X509_set_pubkey(certificate.get(), key.get());
  auto* const subject = X509_get_subject_name(certificate.get());
  auto const* const common_name = reinterpret_cast<unsigned char const*>(file.c_str());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, common_name, -1, -1, 0);

  X issuer(nullptr, &X509_free);
  Key issuer_key(nullptr, &EVP_PKEY_free);
  if (authority != nullptr) {
    issuer.reset(PEM_read_X509(open(authority->certificate, "r").get(), nullptr, nullptr, nullptr));
    issuer_key.reset(
        PEM_read_PrivateKey(open(authority->key, "r").get(), nullptr, nullptr, nullptr));
    demand(issuer != nullptr && issuer_key != nullptr, "authority");
  }
  auto* const signer = issuer ? issuer.get() : certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
  extend(certificate.get(),
         signer,
         NID_basic_constraints,
         request.is_authority ? "critical,CA:TRUE" : "CA:FALSE");
  std::string names;
  for (auto const& name : request.names) names += (names.empty() ? "" : ",") + name;
  if (!names.empty()) extend(certificate.get(), signer, NID_subject_alt_name, names);
  demand(X509_sign(certificate.get(), issuer_key ? issuer_key.get() : key.get(), EVP_sha256()) != 0,
         "signature");

  Certificate out{folder / (file + ".pem"), folder / (file + ".key")};
  demand(PEM_write_X509(open(out.certificate, "w").get(), certificate.get()) == 1, "write");
  demand(PEM_write_PrivateKey(
             open(out.key, "w").get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
         "write");
  return out;
}

}  // namespace dalsegno::http::test
