-- Stamps what was remembered on every span made so far.
-- The gateway runs this chunk once and the function it returns for each request, so a request creates no functions.
local ipairs, pcall, type, ngx = ipairs, pcall, type, ngx

@STAMP@
local function stamp_all(one_by_one)
  local ctx = ngx.ctx
  local remembered = ctx.@REMEMBERED@
  if not remembered then
    return
  end
  local spans = ctx.KONG_SPANS
  if type(spans) ~= "table" then
    return
  end
  for _, span in ipairs(spans) do
    if one_by_one then
      pcall(stamp, span, remembered)
    else
      stamp(span, remembered)
    end
  end
end

return function()
  if not pcall(stamp_all) then
    pcall(stamp_all, true)
  end
end
