description = [[
Recognises some sixty applications and devices (Vault, Nomad, RabbitMQ, MinIO, ClickHouse, Jupyter,
Gitea, Nextcloud, Proxmox VE, UniFi, Home Assistant, FRITZ!Box, iLO and others) by their first page
or their usual port, and shows the version that each tells, and whether anyone can use it or set it
up.
]]
---
-- Asks for the first page, which most checks of web servers share, then for what one application
-- is known to tell without a login: at most two pages. What is known of each stands in
-- nselib/http/products.lua.
--
-- @output
-- | http-app-info:
-- |   Product: Jupyter
-- |   Version: 2.14.2
-- |_  Open without login: running code

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "default", "safe" }

-- What an application calls itself is seen through every proxy before it: it tells no host.
identity = {}
volatile = {}
finding = { ["Open without login"] = "high", ["Setup open"] = "critical",
  ["Registration open"] = "medium" }

local api = require "http.api"
local http = require "http"
local json = require "json"
local products = require "http.products"
local shortport = require "shortport"
local stdnse = require "stdnse"

local by_number = shortport.portnumber(products.ports())

-- What has been recognised as another service is asked nothing.
function portrule(host, port)
  return shortport.http(host, port)
    or by_number(host, port) and (port.version and port.version.name_confidence or 0) <= 3
end

local size_max = 131072

-- The first page. A server of TLS that is asked in plain text may say so in plain text.
local function first_page(host, port)
  local options = { redirect_ok = 3, truncated_ok = true, max_body_size = size_max }
  local response = http.get(host, port, "/", options)
  local target = response.status and not response.ssl and http.parse_redirect(host, port, "/",
    response)
  if response.status == 400 and not response.ssl or target and target.scheme == "https"
    and target.port == port.number then
    options.scheme = "https"
    local secure = http.get(host, port, "/", options)
    response = secure.status and secure or response
  end
  return api.first(port, response)
end

-- An answer of a further page: its JSON value (or nil), its text, its status.
local function ask(host, port, path, may_fail)
  local response = http.get(host, port, path, { header = { Accept = "application/json" },
    scheme = port.web_scheme, redirect_ok = false, bypass_cache = true, truncated_ok = true,
    max_body_size = size_max })
  if not (may_fail and response.status) then
    api.certain(response, path)
  end
  local ok, value = json.parse(response.body or "")
  return ok and type(value) == "table" and value or nil, products.text_of(response), response.status
end

local function with_found(output, product, text, value)
  for key, item in pairs(api.pick(value, product.fields or {}) or {}) do
    output[key] = item
  end
  products.find(product, text, output)
end

local function asked(host, port, product, output)
  local value, text, status = ask(host, port, product.ask, product.fails)
  -- what comes with a refusal is none of what was asked for
  value = status == 200 and value or nil
  local is_there = products.fits(product, value, text)
  with_found(output, product, text, value)
  local told, open = product.told, product.open
  if is_there and told and (not told.when or told.when(value, text)) then
    output[told.key] = told.value
  end
  if is_there and open then
    local more, page, code = ask(host, port, open[1])
    output[open.key] = code == (open.status or 200) and products.fits(open, more, page)
      and open.value or nil
  end
  return is_there
end

-- The output of a product; nil where neither the first page (`page`) nor the answer tells it.
local function look_at(host, port, product, page)
  local output = stdnse.output_table()
  output.Product = product[1]
  local is_there = page ~= nil
  if page then
    products.find(product, page, output)
    local shows = product.shows
    if shows and page:find(shows[1]) then
      output[shows[2]] = shows[3]
    end
  end
  if product.ask then
    is_there = asked(host, port, product, output) or is_there and not product.weak
  end
  return is_there and output or nil
end

function action(host, port)
  local response = first_page(host, port)
  if not response.status then
    return nil
  end
  port.web_scheme = response.ssl and "https" or "http"
  local page = products.text_of(response)
  local product = products.told_by(page)
  if product then
    return look_at(host, port, product, page)
  end
  for _, usual in ipairs(products.usual_at(port.number)) do
    local output = look_at(host, port, usual, nil)
    if output then
      return output
    end
  end
end
