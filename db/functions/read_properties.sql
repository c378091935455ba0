-- What HubSpot's record says of those properties it was asked for, in the one spelling we compare;
-- null where it cannot be read.
create or replace function hubspot_sync.read_properties(p_table text, p_record jsonb)
  returns jsonb
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_all jsonb;
begin
  v_all := case p_table
    when 'hubspot_bookings' then
      hubspot_sync.booking_properties(hubspot_sync.parse_booking(p_record))
        - '{@contact,@exam}'::text[]
    when 'hubspot_contact_credits' then
      hubspot_sync.contact_properties(hubspot_sync.parse_contact(p_record))
    when 'hubspot_mock_exams' then
      hubspot_sync.exam_properties(hubspot_sync.parse_exam(p_record))
  end;
  return (select coalesce(jsonb_object_agg(p.key, p.value), '{}')
            from jsonb_each(v_all) p
           where p_record -> 'properties' ? p.key)
         || jsonb_build_object(
              '@version', hubspot_sync.parse_moment(p_record ->> 'updatedAt', 'updatedAt'));
exception
  when sqlstate '22023' or numeric_value_out_of_range or program_limit_exceeded then
    return null;
end;
$$;

comment on function hubspot_sync.read_properties(text, jsonb) is
  'Properties of HubSpot''s record as record_properties spells them, without links but with '
  '@version, its modified date; null where one cannot be read.';
revoke execute on function hubspot_sync.read_properties(text, jsonb)
  from public, anon, authenticated;
