-- Whether a record that is here holds what a deleted one was known by in HubSpot.
create or replace function hubspot_sync.is_taken(
  p_table text,
  p_hubspot_id text,
  p_unique_value text
)
  returns boolean
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_table = 'hubspot_bookings' then
    -- Two indexes hold booking ids: that of the unique rule, and that of rows exempt from it.
    return exists (select from hubspot_sync.hubspot_bookings b
                    where b.booking_id = p_unique_value and not b.exempt
                       or b.booking_id = p_unique_value and b.exempt
                       or b.hubspot_id = p_hubspot_id);
  elsif p_table = 'hubspot_contact_credits' then
    return exists (select from hubspot_sync.hubspot_contact_credits c
                    where c.student_id = p_unique_value or c.hubspot_id = p_hubspot_id);
  end if;
  return exists (select from hubspot_sync.hubspot_mock_exams e
                  where e.hubspot_id = p_hubspot_id);
end;
$$;

comment on function hubspot_sync.is_taken(text, text, text) is
  'Whether a record of the table has this HubSpot id, or this booking_id or student_id.';
revoke execute on function hubspot_sync.is_taken(text, text, text)
  from public, anon, authenticated;
