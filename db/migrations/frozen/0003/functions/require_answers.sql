-- Refuses what a worker tells of the records it sent, unless all of it can be read: else a part of
-- it would be believed.
create or replace function hubspot_sync.require_answers(p_answers jsonb)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_why text;
begin
  begin
    select case
             when bool_or(a.record is null or a.epoch is null)
               then 'a record or an epoch is missing'
             when bool_or(jsonb_typeof(a.sent) <> 'object') then 'sent is no object'
             when count(distinct a.record) < count(*) then 'a record is named twice'
           end
      into v_why
      from jsonb_to_recordset(p_answers)
        as a (record uuid, epoch bigint, hubspot_id text, sent jsonb, error text,
              permanent boolean, unanswered boolean, charged boolean, written boolean,
              retry_after double precision, unique_value text);
  exception
    when invalid_parameter_value or invalid_text_representation or numeric_value_out_of_range then
      v_why := sqlerrm;
  end;
  if v_why is not null then
    raise exception 'what is told of the records cannot be read: %', left(v_why, 200)
      using errcode = '22023',
            hint = 'An array of objects with record and epoch, each record once.';
  end if;
end;
$$;

comment on function hubspot_sync.require_answers(jsonb) is
  'Raises 22023 unless p_answers is an array of objects as finish_changes and fail_changes take '
  'them, each record once; null is none.';
revoke execute on function hubspot_sync.require_answers(jsonb) from public, anon, authenticated;
