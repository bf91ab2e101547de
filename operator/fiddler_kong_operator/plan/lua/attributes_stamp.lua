local NAMES = {
  @NAMES@,
}

-- A value is false where the client sent none that is usable.
local function stamp(span, values)
  for i = 1, #NAMES do
    if values[i] then
      span:set_attribute(NAMES[i], values[i])
    end
  end
end
