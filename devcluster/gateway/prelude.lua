-- The environment of pre-function code: `ngx` and `kong`, bound to the request whose phase is running.
-- All data is passed as plain tables; the code never sees an object of the host program.

local load, pcall, error, type, pairs, tostring, select = load, pcall, error, type, pairs, tostring, select
local lower, setmetatable, rawset, now = string.lower, setmetatable, rawset, os.time

local current
local EXIT = {}

local function checked_name(name)
  if type(name) ~= "string" then error("header must be a string", 3) end
  return lower(name)
end

local function first(values)
  return values and values[1]
end

-- nginx compares header names with `-` and `_` taken for one another; a name that is spelled exactly so comes first.
local function header(name)
  local wanted = checked_name(name)
  if current.headers[wanted] then return first(current.headers[wanted]) end
  wanted = wanted:gsub("_", "-")
  for spelled, values in pairs(current.headers) do
    if spelled:gsub("_", "-") == wanted then return first(values) end
  end
end

local function record(level, ...)
  local line = {}
  for i = 1, select("#", ...) do line[i] = tostring((select(i, ...))) end
  current.logs[#current.logs + 1] = level .. ": " .. table.concat(line)
end

local function exit(status, body)
  current.exit = { status = status, body = body }
  error(EXIT, 0)
end

local span_methods = {}
span_methods.__index = span_methods

function span_methods:set_attribute(key, value)
  if type(key) ~= "string" then error("invalid key", 2) end
  local kind = type(value)
  if value == nil then
    self.attributes[key], self.written[key] = nil, nil
  elseif kind == "string" or kind == "number" or kind == "boolean" then
    self.attributes[key], self.written[key] = value, value
  else
    record("err", "invalid type for attribute value: ", kind)
  end
end

local function get_spans()
  return current.ctx.KONG_SPANS
end

local function active_span()
  return first(current.ctx.KONG_SPANS)
end

local log_levels = { "debug", "info", "notice", "warn", "err", "crit", "alert", "emerg" }
local log = setmetatable({}, { __call = function(_, ...) record("notice", ...) end })
for _, level in pairs(log_levels) do
  log[level] = function(...) record(level, ...) end
end

local function context(name)
  return setmetatable({}, {
    __index = function(_, key) return current[name][key] end,
    __newindex = function(_, key, value) current[name][key] = value end,
  })
end

kong = {
  request = {
    get_header = header,
    get_headers = function()
      local all = {}
      for name, values in pairs(current.headers) do all[name] = #values > 1 and values or values[1] end
      return all
    end,
    get_method = function() return current.method end,
    get_path = function() return current.path end,
    get_raw_body = function() return current.body end,
    get_host = function() return current.host end,
  },
  response = {
    get_status = function() return current.status end,
    get_header = function(name) return current.response_headers[checked_name(name)] end,
    set_header = function(name, value) current.response_headers[checked_name(name)] = tostring(value) end,
    clear_header = function(name) current.response_headers[checked_name(name)] = nil end,
    exit = exit,
  },
  service = {
    request = {
      set_header = function(name, value) current.upstream_headers[checked_name(name)] = tostring(value) end,
      clear_header = function(name) current.upstream_headers[checked_name(name)] = false end,
    },
  },
  router = {
    get_route = function() return current.route end,
    get_service = function() return current.service end,
  },
  log = log,
  tracing = { get_spans = get_spans, active_span = active_span },
  ctx = { shared = context("shared"), plugin = context("plugin") },
}

ngx = setmetatable({
  null = setmetatable({}, { __tostring = function() return "null" end }),
  DEBUG = 8, INFO = 7, NOTICE = 6, WARN = 5, ERR = 4, CRIT = 3, ALERT = 2, EMERG = 1,
  HTTP_OK = 200, HTTP_BAD_REQUEST = 400, HTTP_FORBIDDEN = 403, HTTP_INTERNAL_SERVER_ERROR = 500,
  log = function(level, ...) record(log_levels[9 - level] or "notice", ...) end,
  exit = exit,
  time = function() return now() end,
  now = function() return now() end,
  get_phase = function() return current.phase end,
  header = setmetatable({}, {
    __index = function(_, name) return current.response_headers[lower(name)] end,
    __newindex = function(_, name, value) current.response_headers[lower(name)] = value ~= nil and tostring(value) or nil end,
  }),
}, {
  __index = function(_, key)
    if key == "ctx" then return current.ctx end
    if key == "status" then return current.status end
    if key == "arg" then return current.arg end
    if key == "var" then return {} end
    return nil
  end,
  __newindex = function(table_, key, value)
    if key == "ctx" then current.ctx = value else rawset(table_, key, value) end
  end,
})

local function pick(names)
  local picked = {}
  for path in names:gmatch("%S+") do
    local owner, name = path:match("^(%w+)%.(%w+)$")
    if owner then
      picked[owner] = picked[owner] or {}
      picked[owner][name] = (_G[owner] or {})[name]
    else
      picked[path] = _G[path]
    end
  end
  return picked
end

-- The part of Lua that Kong's sandboxes allow: no metatables, no raw access, no loading of code, no files.
local BASE = [[
  _VERSION assert error ipairs next pairs pcall print select tonumber tostring type unpack xpcall
  bit.band bit.bor bit.bxor bit.lshift bit.rshift bit.tobit bit.tohex
  coroutine.create coroutine.resume coroutine.running coroutine.status coroutine.wrap coroutine.yield
  math.abs math.ceil math.floor math.huge math.max math.min math.modf math.pi math.random math.sqrt
  os.clock os.date os.difftime os.time
  string.byte string.char string.find string.format string.gmatch string.gsub string.len string.lower string.match
  string.rep string.reverse string.sub string.upper
  table.concat table.insert table.maxn table.remove table.sort
]]

local function denied_require(name)
  error("require '" .. tostring(name) .. "' not allowed within sandbox", 2)
end

local function sandbox(kong_table)
  local env = pick(BASE)
  env.kong, env.ngx, env.require, env._G = kong_table, ngx, denied_require, env
  return env
end

-- The allow-list of `strict` (Kong 3.14) contains neither get_spans nor active_span: code must use ngx.ctx instead.
local strict_kong = {
  request = kong.request, response = kong.response, service = kong.service, router = kong.router,
  log = kong.log, ctx = kong.ctx, tracing = {},
}

local environments = { on = _G, sandbox = sandbox(kong), lax = sandbox(kong), strict = sandbox(strict_kong) }

-- Denied here even with `on`, because the stand-in runs on a developer's machine.
for _, name in pairs({ "io", "package", "require", "debug", "dofile", "loadfile", "module", "python", "newproxy", "collectgarbage" }) do
  _G[name] = nil
end
for _, name in pairs({ "execute", "exit", "remove", "rename", "tmpname", "getenv", "setlocale" }) do
  os[name] = nil
end
jit = nil

-- A chunk may return a function: Kong then calls this function, now and for later requests.
local function starter(chunk)
  local target, started = chunk, false
  return function()
    if started then return target() end
    started = true
    local result = chunk()
    if type(result) == "function" then
      target = result
      target()
    end
  end
end

local prelude = {}

function prelude.compile(source, mode)
  local chunk, message = load(source, "pre-function", "t", setmetatable({}, { __index = environments[mode] or environments.sandbox }))
  if not chunk then return nil, message end
  return starter(chunk)
end

function prelude.new_request(fields)
  fields.ctx, fields.shared, fields.plugin, fields.logs = {}, {}, {}, {}
  fields.upstream_headers, fields.response_headers = {}, {}
  return fields
end

function prelude.add_span(request, name)
  request.ctx.KONG_SPANS = request.ctx.KONG_SPANS or {}
  local span = setmetatable({ name = name, attributes = {}, written = {} }, span_methods)
  local spans = request.ctx.KONG_SPANS
  spans[#spans + 1] = span
  return span
end

function prelude.run(chunk, request, phase)
  current, request.phase = request, phase
  local ok, problem = pcall(chunk)
  current = nil
  if ok then return nil end
  if problem == EXIT then return "exit" end
  return "error", tostring(problem)
end

return prelude
