-- A day as HubSpot writes it: YYYY-MM-DD, or the milliseconds of its midnight in UTC.
create or replace function hubspot_sync.parse_day(p_value text, p_name text)
  returns date
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(trim(p_value), '') = '' then
    return null;
  end if;
  begin
    if trim(p_value) ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' then
      return trim(p_value)::date;
    elsif trim(p_value) ~ '^-?[0-9]{9,15}$' then
      return (to_timestamp(trim(p_value)::bigint / 1000.0) at time zone 'UTC')::date;
    end if;
  exception
    when datetime_field_overflow or invalid_datetime_format then
      null;  -- no such day: refused below
  end;
  raise exception '% is no day: %', p_name, left(p_value, 100)
    using errcode = '22023', hint = 'Correct it in HubSpot: YYYY-MM-DD.';
end;
$$;

comment on function hubspot_sync.parse_day(text, text) is
  'The day of a HubSpot property, null for none. Raises 22023 naming p_name for anything else.';
revoke execute on function hubspot_sync.parse_day(text, text) from public, anon, authenticated;
