-- A whole number as HubSpot writes it: «5», «5.0», «» for none.
create or replace function hubspot_sync.parse_count(p_value text, p_name text)
  returns integer
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(trim(p_value), '') = '' then
    return null;
  end if;
  if trim(p_value) !~ '^[+-]?[0-9]{1,9}([.]0*)?$' then
    raise exception '% is no whole number: %', p_name, left(p_value, 100)
      using errcode = '22023', hint = 'Correct it in HubSpot: digits alone, below 1000000000.';
  end if;
  return trim(p_value)::numeric::integer;
end;
$$;

comment on function hubspot_sync.parse_count(text, text) is
  'The whole number of a HubSpot property, null for none. Raises 22023 naming p_name for anything '
  'else, a fraction included.';
revoke execute on function hubspot_sync.parse_count(text, text) from public, anon, authenticated;
