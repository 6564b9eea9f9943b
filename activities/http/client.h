#pragma once

#include "activities/http/egress_guard.h"
#include "activities/http/message.h"
#include "activities/http/transport.h"
#include "dalsegno/contact.h"

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace dalsegno::http {

/// What became of a request.
struct Answer {
  std::optional<Failure> failure;
  Response response;
  /// Where the answer is a redirect that was not followed, as the guard denies it, it would carry
  /// a body to another origin, or it does not say which method to use: the URL that it names,
  /// without its query. It may be asked for anew; `response` is the redirect itself.
  std::string redirect;
  std::vector<Contact> contacts;  ///< all, in order; also those that were denied
};

struct SendOptions {
  Limits limits = {};
  ContactOrigin origin = {};
  std::stop_token stop = {};  ///< a stop closes the connection
  HeadSink on_head = {};      ///< of the answer that is not a followed redirect
  BodySink on_body = {};      ///< its body, piece by piece; empty: collected in the response
};

/// The one way by which Dalsegno sends HTTP requests.
///
/// Each contact is admitted by the guard, dials an address that was vetted, and is recorded.
/// A redirect to a place that the guard permits is followed: without its body after 303 and after
/// 301 and 302 to a POST, and to another origin without any header that may hold a credential.
/// Every other redirect is an answer. Proxy variables of the environment are not looked at.
/// Thread: any; each call blocks its own.
class Client {
 public:
  Client(EgressGuard const& guard, Transport& transport) : guard_(guard), transport_(transport) {}

  [[nodiscard]] Answer send(Request request, SendOptions const& options = {}) const;

 private:
  EgressGuard const& guard_;
  Transport& transport_;
};

}  // namespace dalsegno::http
