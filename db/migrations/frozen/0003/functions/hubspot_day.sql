-- The day of HubSpot's daily limit. It begins a minute late: clocks differ, and a call that comes
-- before HubSpot's midnight would be refused for the whole of the day that ours has begun.
create or replace function hubspot_sync.hubspot_day(
  out day date,
  out starts_at timestamptz,
  out ends_at timestamptz
)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_late constant interval := interval '1 minute';
  v_zone text := hubspot_sync.setting('hubspot_time_zone');
begin
  day := ((hubspot_sync.clock() - c_late) at time zone v_zone)::date;
  starts_at := day::timestamp at time zone v_zone + c_late;
  ends_at := (day + 1)::timestamp at time zone v_zone + c_late;
end;
$$;

comment on function hubspot_sync.hubspot_day() is
  'Today in the time zone of the HubSpot account, from and to when its daily limit surely counts '
  'it.';
revoke execute on function hubspot_sync.hubspot_day() from public, anon, authenticated;
