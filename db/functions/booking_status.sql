-- Brings the spellings of a booking's status found in live data to the three we use.
create or replace function hubspot_sync.booking_status(p_is_active text)
  returns text
  language sql
  immutable
  return case lower(trim(p_is_active))
           when 'active' then 'Active'
           when 'true' then 'Active'
           when 'cancelled' then 'Cancelled'
           when 'canceled' then 'Cancelled'
           when 'false' then 'Cancelled'
           when 'completed' then 'Completed'
           else p_is_active
         end;

comment on function hubspot_sync.booking_status(text) is
  'Active, Cancelled or Completed for any spelling of these; an unknown text as it is.';
revoke execute on function hubspot_sync.booking_status(text) from public, anon, authenticated;
