-- Refuses a setting nobody could read: a wrong one would stop every booking.
create or replace function hubspot_sync.settings_valid()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_cast text := case
    when new.key in ('cancellation_cutoff', 'backoff_base', 'backoff_max', 'longest_request')
      then 'interval'
    when new.key = 'max_sync_attempts' then 'integer'
  end;
begin
  if new.value is null and new.key not in ('cancellation_cutoff', 'platform_schemas') then
    raise exception 'setting % needs a value', new.key
      using errcode = '22023', hint = new.description;
  end if;
  if new.key = 'time_zone' then
    perform now() at time zone new.value;
  elsif v_cast is not null then
    execute format('select $1::%s', v_cast) using new.value;
    if v_cast = 'interval' then
      if new.value::interval not between '0' and '1 year' then
        raise exception 'setting % cannot be %', new.key, quote_literal(new.value)
          using errcode = '22023', hint = new.description;
      end if;
    end if;
  end if;
  return new;
exception
  when invalid_parameter_value or invalid_datetime_format or invalid_text_representation
       or numeric_value_out_of_range or interval_field_overflow then
    raise exception 'setting % cannot be %', new.key, coalesce(quote_literal(new.value), 'null')
      using errcode = '22023', detail = sqlerrm, hint = new.description;
end;
$$;

comment on function hubspot_sync.settings_valid() is
  'Trigger: raises 22023 for a value of hubspot_sync.settings that cannot be read.';
revoke execute on function hubspot_sync.settings_valid() from public, anon, authenticated;

create or replace trigger settings_valid
  before insert or update on hubspot_sync.settings
  for each row
  execute function hubspot_sync.settings_valid();
